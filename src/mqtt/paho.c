// SPDX-License-Identifier: MIT
#include "mqtt/paho_inside.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "mqtt/reason.h"
#include "mqtt/tls.h"

#define CONNECT_TIMEOUT 5 /* s; the library looks at it every 3 s */
#define MAX_INFLIGHT 100

/* The library has two threads for all its handles. The thread that destroys the last one waits
 * until they have ended, without its lock: a handle made and connected meanwhile would be left
 * without threads. So what begins and ends handles goes one after the other. */
static pthread_mutex_t begins_and_ends = PTHREAD_MUTEX_INITIALIZER;

static void report_down(struct paho *p, enum retry_failure f, const char *why)
{
	pthread_mutex_lock(&p->lock);
	const bool reported = p->settled;
	p->settled = true;
	pthread_mutex_unlock(&p->lock);
	if (!reported)
		p->sink.down(p->sink.ctx, f, why);
}

/* -- connect ----------------------------------------------------------------------------------- */

static void learn_terms(struct paho *p, MQTTProperties *props)
{
	p->terms = (struct paho_terms){.maximum_qos = 2, .retain = true};
	if (!props)
		return;
	if (p->lib.MQTTProperties_hasProperty(props, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM))
		p->terms.receive_maximum = (uint16_t)p->lib.MQTTProperties_getNumericValue(
			props, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM);
	if (p->lib.MQTTProperties_hasProperty(props, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE))
		p->terms.maximum_packet = (uint32_t)p->lib.MQTTProperties_getNumericValue(
			props, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE);
	if (p->lib.MQTTProperties_hasProperty(props, MQTTPROPERTY_CODE_MAXIMUM_QOS))
		p->terms.maximum_qos = (uint8_t)p->lib.MQTTProperties_getNumericValue(
			props, MQTTPROPERTY_CODE_MAXIMUM_QOS);
	if (p->lib.MQTTProperties_hasProperty(props, MQTTPROPERTY_CODE_SERVER_KEEP_ALIVE))
		p->terms.keepalive = US_S * p->lib.MQTTProperties_getNumericValue(
						    props, MQTTPROPERTY_CODE_SERVER_KEEP_ALIVE);
	if (p->lib.MQTTProperties_hasProperty(props, MQTTPROPERTY_CODE_RETAIN_AVAILABLE))
		p->terms.retain = p->lib.MQTTProperties_getNumericValue(
					  props, MQTTPROPERTY_CODE_RETAIN_AVAILABLE) != 0;
}

static void on_connect(void *ctx, MQTTAsync_successData *r)
{
	struct paho *p = ctx;
	(void)r;
	learn_terms(p, NULL);
	p->sink.up(p->sink.ctx, &p->terms);
}

static void on_connect5(void *ctx, MQTTAsync_successData5 *r)
{
	struct paho *p = ctx;
	learn_terms(p, r ? &r->properties : NULL);
	/* forbidden, and the library would never send anything ("MQTT Version 5.0", 3.2.2.3.3) */
	if (r &&
	    p->lib.MQTTProperties_hasProperty(&r->properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM) &&
	    !p->terms.receive_maximum)
		report_down(p, RETRY_VERSION,
		            "the broker grants no messages over MQTT 5 (Receive Maximum 0)");
	else
		p->sink.up(p->sink.ctx, &p->terms);
}

static enum retry_failure refusal(const struct paho *p, int code)
{
	if (reason_is_version(p->protocol, code))
		return RETRY_VERSION;
	if (p->protocol == 5 && code == MQTTREASONCODE_QOS_NOT_SUPPORTED)
		return RETRY_WILL_QOS;
	if (p->protocol == 5 && code == MQTTREASONCODE_RETAIN_NOT_SUPPORTED)
		return RETRY_WILL_RETAIN;
	return RETRY_REFUSED;
}

static void connect_failed(struct paho *p, int code)
{
	char why[192] = "";
	if (code > 0) {
		reason_connect(p->protocol, code, why, sizeof why);
		report_down(p, refusal(p, code), why);
		return;
	}
	/* the library's words do not distinguish a refused port from a name not found or a closed
	 * connection */
	pthread_mutex_lock(&p->lock);
	if (p->tls_error[0])
		snprintf(why, sizeof why, "TLS: %s", p->tls_error);
	pthread_mutex_unlock(&p->lock);
	report_down(p, RETRY_UNCLEAR, why);
}

static void on_connect_failure(void *ctx, MQTTAsync_failureData *r)
{
	connect_failed(ctx, r ? r->code : -1);
}

static void on_connect_failure5(void *ctx, MQTTAsync_failureData5 *r)
{
	/* 1.3.12 puts the broker's reason into code, later ones into reasonCode */
	const int code = !r                  ? -1
	                 : r->code > 0       ? r->code
	                 : r->reasonCode > 0 ? (int)r->reasonCode
	                                     : r->code;
	connect_failed(ctx, code);
}

static void on_lost(void *ctx, char *cause)
{
	struct paho *p = ctx;
	report_down(p, RETRY_NETWORK, cause ? cause : "no reason given");
}

/* 1.3.12 then does not see the socket close. */
static void on_disconnected(void *ctx, MQTTProperties *props, enum MQTTReasonCodes code)
{
	struct paho *p = ctx;
	char why[128];
	(void)props;
	reason_disconnect((int)code, why, sizeof why);
	report_down(p,
	            code == MQTTREASONCODE_SESSION_TAKEN_OVER ? RETRY_TAKEN
	            : reason_blames((int)code)                ? RETRY_ENDED
	                                                      : RETRY_PARTED,
	            why);
}

static int on_tls_error(const char *text, size_t len, void *ctx)
{
	struct paho *p = ctx;
	pthread_mutex_lock(&p->lock);
	if (!p->tls_error[0])
		reason_tls(text, len, p->tls_error, sizeof p->tls_error);
	pthread_mutex_unlock(&p->lock);
	return 1;
}

static void fill_tls(struct paho *p, MQTTAsync_SSLOptions *tls)
{
	const struct mqtt_conf *c = p->conf;
	tls->trustStore = c->ca;
	tls->keyStore = c->cert;
	tls->privateKey = c->key;
	tls->enableServerCertAuth = c->tls_verify;
	tls->verify = c->tls_verify; /* the host name; the library's default is not to look */
	tls->sslVersion = MQTT_SSL_VERSION_TLS_1_2;
	/* the library passes the version on to old OpenSSL only; with these no older one can be
	 * spoken, whatever the system's openssl.cnf allows (1.3 has suites of its own) */
	tls->enabledCipherSuites = "DEFAULT:!SSLv3:!TLSv1.0";
	tls->ssl_error_cb = on_tls_error;
	tls->ssl_error_context = p;
}

static void fill_options(struct paho *p, MQTTAsync_connectOptions *o)
{
	const struct mqtt_conf *c = p->conf;
	o->keepAliveInterval = (int)(c->keepalive / US_S);
	o->maxInflight = MAX_INFLIGHT;
	o->connectTimeout = CONNECT_TIMEOUT;
	o->username = c->username;
	o->password = c->password;
	o->context = p;
	if (p->protocol == 5) {
		o->onSuccess5 = on_connect5;
		o->onFailure5 = on_connect_failure5;
	} else {
		o->MQTTVersion = MQTTVERSION_3_1_1;
		o->onSuccess = on_connect;
		o->onFailure = on_connect_failure;
	}
}

bool paho_connect(struct paho *p, bool plain, bool passing, char *why, size_t size)
{
	MQTTAsync_connectOptions v3 = MQTTAsync_connectOptions_initializer;
	MQTTAsync_connectOptions v5 = MQTTAsync_connectOptions_initializer5;
	MQTTAsync_connectOptions *o = p->protocol == 5 ? &v5 : &v3;
	MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
	MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
	if (p->conf->use_tls && !tls_files(p->conf, why, size))
		return false;
	fill_options(p, o);
	will.topicName = p->will_topic;
	will.message = p->will_text;
	will.retained = p->conf->retain && !passing;
	will.qos = !plain;
	o->will = p->will_topic ? &will : NULL;
	if (p->conf->use_tls) {
		fill_tls(p, &tls);
		o->ssl = &tls;
	}
	pthread_mutex_lock(&p->lock);
	p->settled = false;
	p->tls_error[0] = '\0';
	pthread_mutex_unlock(&p->lock);
	MQTTProperties props = MQTTProperties_initializer;
	if (p->protocol == 5) {
		paho_property_int(p, &props, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE,
		                  MQTT_PACKET_MAX);
		o->connectProperties = &props; /* copied by the library */
	}
	pthread_mutex_lock(&begins_and_ends);
	const int rc = p->lib.MQTTAsync_connect(p->handle, o);
	pthread_mutex_unlock(&begins_and_ends);
	p->lib.MQTTProperties_free(&props);
	if (rc == MQTTASYNC_SUCCESS)
		return true;
	const char *text = p->lib.MQTTAsync_strerror(rc);
	snprintf(why, size, "cannot begin to connect: %s", text ? text : "the library refuses");
	return false;
}

static void on_disconnect_done(void *ctx)
{
	struct paho *p = ctx;
	p->sink.disconnected(p->sink.ctx);
}

static void on_disconnect(void *ctx, MQTTAsync_successData *r)
{
	(void)r;
	on_disconnect_done(ctx);
}

static void on_disconnect5(void *ctx, MQTTAsync_successData5 *r)
{
	(void)r;
	on_disconnect_done(ctx);
}

bool paho_disconnect(struct paho *p, int timeout_ms)
{
	MQTTAsync_disconnectOptions v3 = MQTTAsync_disconnectOptions_initializer;
	MQTTAsync_disconnectOptions v5 = MQTTAsync_disconnectOptions_initializer5;
	MQTTAsync_disconnectOptions *o = p->protocol == 5 ? &v5 : &v3;
	o->timeout = timeout_ms;
	o->context = p;
	if (p->protocol == 5)
		o->onSuccess5 = on_disconnect5;
	else
		o->onSuccess = on_disconnect;
	return p->lib.MQTTAsync_disconnect(p->handle, o) == MQTTASYNC_SUCCESS;
}

/* -- life -------------------------------------------------------------------------------------- */

/* With `begins_and_ends`. It makes the library's locks anew, which are in use as soon as there is a
 * handle: so once for each variant. */
static void begin_library(const struct paho_functions *lib)
{
	static void (*begun[2])(MQTTAsync_init_options *);
	MQTTAsync_init_options options = MQTTAsync_init_options_initializer;
	for (size_t i = 0; i < 2; i++) {
		if (begun[i] == lib->MQTTAsync_global_init)
			return;
		if (begun[i])
			continue;
		begun[i] = lib->MQTTAsync_global_init;
		break;
	}
	/* OpenSSL (1.1.0 and later) sets itself up when it is first used: without TLS never */
	options.do_openssl_init = 0;
	lib->MQTTAsync_global_init(&options);
}

/* NULL: done; else why not. */
static const char *create_handle(struct paho *p, const char *client_id, const char *address)
{
	MQTTAsync_createOptions v3 = MQTTAsync_createOptions_initializer;
	MQTTAsync_createOptions v5 = MQTTAsync_createOptions_initializer5;
	const struct mqtt_conf *c = p->conf;
	char uri[512];
	/* both need the name, and so a second look-up, by the library */
	const char *host = c->use_tls || c->use_ws ? c->host : address;
	const bool ipv6 = strchr(host, ':') && host[0] != '[';
	const char *const scheme[] = {"tcp", "ssl", "ws", "wss"};
	snprintf(uri, sizeof uri, "%s://%s%s%s:%u%s", scheme[2 * c->use_ws + c->use_tls],
	         ipv6 ? "[" : "", host, ipv6 ? "]" : "", (unsigned)c->port,
	         c->use_ws ? c->path : "");
	v3.MQTTVersion = MQTTVERSION_3_1_1;
	begin_library(&p->lib);
	/* else it notes each call in a table of 120 kB that is never read */
	p->lib.MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
	int rc = p->lib.MQTTAsync_createWithOptions(&p->handle, uri, client_id,
	                                            MQTTCLIENT_PERSISTENCE_NONE, NULL,
	                                            p->protocol == 5 ? &v5 : &v3);
	if (rc == MQTTASYNC_SUCCESS)
		rc = p->lib.MQTTAsync_setCallbacks(p->handle, p, on_lost, paho_on_message, NULL);
	if (rc == MQTTASYNC_SUCCESS && p->protocol == 5)
		rc = p->lib.MQTTAsync_setDisconnected(p->handle, p, on_disconnected);
	if (rc == MQTTASYNC_SUCCESS)
		return NULL;
	const char *text = p->lib.MQTTAsync_strerror(rc);
	return text ? text : "the MQTT library refuses this address";
}

struct paho *paho_create(const struct mqtt_conf *conf, const char *address, const char *client_id,
                         uint8_t protocol, const char *will_topic, const char *will_text,
                         const struct paho_sink *sink, const char **why)
{
	struct paho *p = mem_alloc(1, sizeof *p);
	p->conf = conf;
	p->protocol = protocol;
	p->will_topic = will_topic;
	p->will_text = will_text;
	p->sink = *sink;
	p->settled = true;
	p->terms = (struct paho_terms){.maximum_qos = 2, .retain = true};
	pthread_mutex_init(&p->lock, NULL);
	flights_begin(&p->flights, &p->sink);
	if (paho_functions(conf->use_tls, &p->lib, why)) {
		pthread_mutex_lock(&begins_and_ends);
		*why = create_handle(p, client_id, address);
		pthread_mutex_unlock(&begins_and_ends);
		if (!*why)
			return p;
	}
	paho_destroy(p);
	return NULL;
}

void paho_destroy(struct paho *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&begins_and_ends);
	if (p->handle)
		p->lib.MQTTAsync_destroy(&p->handle);
	pthread_mutex_unlock(&begins_and_ends);
	flights_end(&p->flights);
	for (struct subscription *s = p->subscriptions, *next; s; s = next) {
		next = s->next;
		free(s);
	}
	pthread_mutex_destroy(&p->lock);
	free(p);
}
