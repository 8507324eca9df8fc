// SPDX-License-Identifier: MIT
#include "mqtt/tls.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "mqtt/openssl.h"
#include "mqtt/reach.h"

#define PATIENCE_S 1 /* for each answer */

/* -- files ------------------------------------------------------------------------------------- */

static bool load_ca(SSL_CTX *ctx, const struct mqtt_conf *c, char *buf, size_t size)
{
	if (!c->ca)
		return openssl.SSL_CTX_set_default_verify_paths(ctx) == 1;
	if (openssl.SSL_CTX_load_verify_locations(ctx, c->ca, NULL) == 1)
		return true;
	snprintf(buf, size, "TLS: the CA file %s holds no certificate (PEM)", c->ca);
	return false;
}

static bool load_identity(SSL_CTX *ctx, const struct mqtt_conf *c, char *buf, size_t size)
{
	if (!c->cert || !c->key)
		return true;
	if (openssl.SSL_CTX_use_certificate_chain_file(ctx, c->cert) != 1)
		snprintf(buf, size, "TLS: %s is not a certificate (PEM)", c->cert);
	else if (openssl.SSL_CTX_use_PrivateKey_file(ctx, c->key, SSL_FILETYPE_PEM) == 1)
		return true;
	else if (ERR_GET_REASON(openssl.ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH)
		snprintf(buf, size, "TLS: the key %s does not belong to the certificate %s", c->key,
		         c->cert);
	else
		snprintf(buf, size, "TLS: %s is not a key (PEM, without a passphrase)", c->key);
	return false;
}

/* A passphrase would be prompted for on the terminal. */
static int no_passphrase(char *buf, int size, int writing, void *ctx)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)ctx;
	return 0;
}

static SSL_CTX *load(const struct mqtt_conf *c, char *buf, size_t size)
{
	SSL_CTX *ctx = openssl.SSL_CTX_new(openssl.TLS_client_method());
	openssl.ERR_clear_error();
	if (!ctx)
		return NULL;
	openssl.SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
	if (load_ca(ctx, c, buf, size) && load_identity(ctx, c, buf, size))
		return ctx;
	openssl.SSL_CTX_free(ctx);
	return NULL;
}

bool tls_files(const struct mqtt_conf *c, char *buf, size_t size)
{
	buf[0] = '\0';
	if (!reach_file(c->ca, "CA file", buf, size) ||
	    !reach_file(c->cert, "certificate", buf, size) || !reach_file(c->key, "key", buf, size))
		return false;
	const char *why = "";
	if (!openssl_load(&why)) {
		snprintf(buf, size, "TLS: OpenSSL cannot be loaded: %s", why);
		return false;
	}
	SSL_CTX *ctx = load(c, buf, size);
	openssl.SSL_CTX_free(ctx);
	return ctx || !buf[0];
}

const struct mqtt_conf *tls_unusable(const struct model *m, char *buf, size_t size)
{
	const struct {
		const char *name;
		const struct mqtt_conf *conf;
	} section[] = {{"mqtt", &m->mqtt}, {"thingsboard", &m->thingsboard}};
	char why[256];
	for (size_t i = 0; i < sizeof section / sizeof *section; i++) {
		if (!mqtt_tls(section[i].conf) || tls_files(section[i].conf, why, sizeof why))
			continue;
		snprintf(buf, size, "%s: %s", section[i].name, why);
		return section[i].conf;
	}
	return NULL;
}

/* -- the broker's certificate ------------------------------------------------------------------ */

static void certificate_time(const ASN1_TIME *t, char *buf, size_t size)
{
	struct tm tm;
	buf[0] = '\0';
	if (openssl.ASN1_TIME_to_tm(t, &tm) == 1)
		strftime(buf, size, "%F", &tm);
}

/* The first names it is for. */
static void certificate_names(X509 *cert, char *buf, size_t size)
{
	GENERAL_NAMES *names = openssl.X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	size_t n = 0;
	buf[0] = '\0';
	for (int i = 0; i < openssl.OPENSSL_sk_num((const OPENSSL_STACK *)names) && i < 3; i++) {
		const GENERAL_NAME *g = openssl.OPENSSL_sk_value((const OPENSSL_STACK *)names, i);
		if (g->type != GEN_DNS || n >= size)
			continue;
		n += (size_t)snprintf(buf + n, size - n, "%s%.60s", n ? ", " : "",
		                      (const char *)openssl.ASN1_STRING_get0_data(g->d.dNSName));
	}
	openssl.GENERAL_NAMES_free(names);
	if (!buf[0])
		openssl.X509_NAME_get_text_by_NID(openssl.X509_get_subject_name(cert),
		                                  NID_commonName, buf, (int)size);
}

/* cert: the one that is not accepted; NULL: unknown. */
static void explain_certificate(const struct mqtt_conf *c, X509 *cert, long result, char *buf,
                                size_t size)
{
	char what[128] = "?";
	switch (result) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		if (cert)
			certificate_time(openssl.X509_get0_notAfter(cert), what, sizeof what);
		snprintf(buf, size, "TLS: the broker's certificate has expired (%.20s)", what);
		break;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		if (cert)
			certificate_time(openssl.X509_get0_notBefore(cert), what, sizeof what);
		snprintf(buf, size,
		         "TLS: the broker's certificate is not valid before %.20s: is the clock of "
		         "this machine right?",
		         what);
		break;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		if (cert)
			certificate_names(cert, what, sizeof what);
		snprintf(buf, size, "TLS: the broker's certificate is for %.80s, not for %.60s",
		         what, c->host);
		break;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		snprintf(buf, size,
		         "TLS: the broker's certificate is not signed by %.100s (mqtt.tls.ca)",
		         c->ca ? c->ca : "a CA that this machine trusts");
		break;
	default:
		snprintf(buf, size, "TLS: the broker's certificate is not accepted: %s",
		         openssl.X509_verify_cert_error_string(result));
	}
}

/* -- what the broker reports ----------------------------------------------------------------------
 */

#define WANTED "TLS: the broker requires a client certificate (mqtt.tls.cert and key)"

/* Its word about our certificate comes after the handshake (TLS 1.3) or in it. */
static bool explain_alert(const struct mqtt_conf *c, int reason, char *buf, size_t size)
{
	static const struct {
		int reason;
		const char *text;
	} refused[] = {
		{SSL_R_TLSV1_ALERT_UNKNOWN_CA, "it is not signed by a CA that the broker trusts"},
		{SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, "it has expired"},
		{SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, "it is revoked"},
		{SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "it is corrupted, or not for this broker"},
		{SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, "it is of an unsupported kind"},
		{SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, "no reason given"},
		{SSL_R_TLSV1_ALERT_ACCESS_DENIED, "access denied"},
		{SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, "handshake failure"},
	};
	if (reason == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED ||
	    (reason == SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE && !c->cert)) {
		snprintf(buf, size, WANTED);
		return true;
	}
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		if (refused[i].reason != reason || !c->cert)
			continue;
		snprintf(buf, size, "TLS: the broker refuses the certificate %.100s: %s", c->cert,
		         refused[i].text);
		return true;
	}
	return false;
}

static void explain_failure(const struct mqtt_conf *c, SSL *ssl, char *buf, size_t size)
{
	const unsigned long error = openssl.ERR_peek_last_error();
	const long result = openssl.SSL_get_verify_result(ssl);
	const char *text = openssl.ERR_reason_error_string(error);
	if (openssl.SSL_get_state(ssl) == TLS_ST_CW_CLNT_HELLO ||
	    openssl.SSL_get_state(ssl) == TLS_ST_BEFORE ||
	    ERR_GET_REASON(error) == SSL_R_WRONG_VERSION_NUMBER)
		snprintf(buf, size,
		         "TLS: %.100s:%u does not speak it: the port for mqtts:// is usually 8883",
		         c->host, (unsigned)c->port);
	else if (result != X509_V_OK)
		explain_certificate(c, openssl.SSL_get_ex_data(ssl, 0), result, buf, size);
	else if (!explain_alert(c, ERR_GET_REASON(error), buf, size))
		snprintf(buf, size, "TLS: %s", text ? text : "the broker aborts the handshake");
}

/* -- a connection ------------------------------------------------------------------------------ */

static SSL *begin(SSL_CTX *ctx, const struct mqtt_conf *c, int fd)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	SSL *ssl = openssl.SSL_new(ctx);
	if (!ssl)
		return NULL;
	openssl.SSL_set_fd(ssl, fd);
	openssl.SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
	                 (void *)c->host);
	return ssl;
}

/* The library forgets what it does not accept: kept until the connection is. */
static int keep_rejected(int good, X509_STORE_CTX *store)
{
	SSL *ssl = openssl.X509_STORE_CTX_get_ex_data(store,
	                                              openssl.SSL_get_ex_data_X509_STORE_CTX_idx());
	X509 *cert = openssl.X509_STORE_CTX_get_current_cert(store);
	if (!good && cert && !openssl.SSL_get_ex_data(ssl, 0) && openssl.X509_up_ref(cert) == 1)
		openssl.SSL_set_ex_data(ssl, 0, cert);
	return good;
}

static void demand(SSL *ssl, const struct mqtt_conf *c)
{
	X509_VERIFY_PARAM *p = openssl.SSL_get0_param(ssl);
	openssl.SSL_set_verify(ssl, SSL_VERIFY_PEER, keep_rejected);
	if (openssl.X509_VERIFY_PARAM_set1_ip_asc(p, c->host) != 1)
		openssl.X509_VERIFY_PARAM_set1_host(p, c->host, 0);
}

static void converse(SSL *ssl, const struct mqtt_conf *c, char *buf, size_t size)
{
	char byte;
	openssl.ERR_clear_error();
	if (openssl.SSL_connect(ssl) != 1)
		explain_failure(c, ssl, buf, size);
	else if (openssl.SSL_read(ssl, &byte, 1) <= 0)
		explain_alert(c, ERR_GET_REASON(openssl.ERR_peek_last_error()), buf, size);
}

bool tls_explain(const struct mqtt_conf *c, char *buf, size_t size)
{
	const char *why;
	buf[0] = '\0';
	if (!openssl_load(&why))
		return false; /* the connection's own attempt reports it */
	SSL_CTX *ctx = load(c, buf, size);
	const int fd = ctx ? reach_connect(c->host, c->port) : -1;
	SSL *ssl = fd >= 0 ? begin(ctx, c, fd) : NULL;
	if (ssl) {
		if (c->tls_verify)
			demand(ssl, c);
		converse(ssl, c, buf, size);
		openssl.X509_free(openssl.SSL_get_ex_data(ssl, 0));
	}
	openssl.SSL_free(ssl);
	openssl.SSL_CTX_free(ctx);
	if (fd >= 0)
		close(fd);
	openssl.ERR_clear_error();
	return buf[0] != '\0';
}

bool tls_port(const struct mqtt_conf *c)
{
	const char *why;
	if (!openssl_load(&why))
		return false;
	SSL_CTX *ctx = openssl.SSL_CTX_new(openssl.TLS_client_method());
	const int fd = ctx ? reach_connect(c->host, c->port) : -1;
	SSL *ssl = fd >= 0 ? begin(ctx, c, fd) : NULL;
	const bool speaks =
		ssl && (openssl.SSL_connect(ssl) == 1 || openssl.SSL_get0_peer_certificate(ssl));
	openssl.SSL_free(ssl);
	openssl.SSL_CTX_free(ctx);
	if (fd >= 0)
		close(fd);
	openssl.ERR_clear_error();
	return speaks;
}
