/* SPDX-License-Identifier: MIT */
/*
 * openssl: what we call of OpenSSL, the one that the MQTT library brings.
 */
#ifndef MQTT_OPENSSL_H
#define MQTT_OPENSSL_H

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>

#include "mqtt/library.h"

#define OPENSSL_FUNCTIONS(F)                                                                       \
	F(ASN1_STRING_get0_data)                                                                   \
	F(ASN1_TIME_to_tm)                                                                         \
	F(ERR_clear_error)                                                                         \
	F(ERR_peek_last_error)                                                                     \
	F(ERR_reason_error_string)                                                                 \
	F(GENERAL_NAMES_free)                                                                      \
	F(OPENSSL_sk_num)                                                                          \
	F(OPENSSL_sk_value)                                                                        \
	F(SSL_CTX_free)                                                                            \
	F(SSL_CTX_load_verify_locations)                                                           \
	F(SSL_CTX_new)                                                                             \
	F(SSL_CTX_set_default_passwd_cb)                                                           \
	F(SSL_CTX_set_default_verify_paths)                                                        \
	F(SSL_CTX_use_PrivateKey_file)                                                             \
	F(SSL_CTX_use_certificate_chain_file)                                                      \
	F(SSL_connect)                                                                             \
	F(SSL_ctrl)                                                                                \
	F(SSL_free)                                                                                \
	F(SSL_get0_param)                                                                          \
	F(SSL_get0_peer_certificate)                                                               \
	F(SSL_get_ex_data)                                                                         \
	F(SSL_get_ex_data_X509_STORE_CTX_idx)                                                      \
	F(SSL_get_state)                                                                           \
	F(SSL_get_verify_result)                                                                   \
	F(SSL_new)                                                                                 \
	F(SSL_read)                                                                                \
	F(SSL_set_ex_data)                                                                         \
	F(SSL_set_fd)                                                                              \
	F(SSL_set_verify)                                                                          \
	F(TLS_client_method)                                                                       \
	F(X509_NAME_get_text_by_NID)                                                               \
	F(X509_STORE_CTX_get_current_cert)                                                         \
	F(X509_STORE_CTX_get_ex_data)                                                              \
	F(X509_VERIFY_PARAM_set1_host)                                                             \
	F(X509_VERIFY_PARAM_set1_ip_asc)                                                           \
	F(X509_free)                                                                               \
	F(X509_get0_notAfter)                                                                      \
	F(X509_get0_notBefore)                                                                     \
	F(X509_get_ext_d2i)                                                                        \
	F(X509_get_subject_name)                                                                   \
	F(X509_up_ref)                                                                             \
	F(X509_verify_cert_error_string)

struct openssl {
	OPENSSL_FUNCTIONS(LIBRARY_POINTER)
};

extern struct openssl openssl; /* to be used after: */

/* Loads it, if it is not yet. False: *why is the reason. */
bool openssl_load(const char **why);

#endif
