/* One transfer of libcurl in the libuv loop.
 *
 * The story of one transfer: the caller sets up an easy handle, curl_uv_start() runs it, on_done is called
 * from the loop with curl's result, and the caller then calls curl_uv_close() (or earlier, to give up), reads
 * what it wants from the easy handle before that or after, and frees the easy handle itself, at any time
 * after curl_uv_close().
 *
 * Names: libcurl of Debian resolves in a thread that it waits for when a transfer is given up, which would
 * block the loop. So give it addresses (CURLOPT_RESOLVE, or a literal in the URL). */
#ifndef NET_CURL_UV_H
#define NET_CURL_UV_H

#include <curl/curl.h>
#include <uv.h>

struct curl_uv;

typedef void (*curl_uv_done_fn)(void *user_data, CURLcode result);

/* Runs `easy` on `multi`, which is the caller's, idle, and this transfer's alone until curl_uv_close(). Use
 * one multi handle again and again: it keeps the parsed CA certificates, which cost some 50 ms of CPU a time.
 * 0 or HG_E_NOMEM, HG_E_IO. on_done is never called from inside. */
int curl_uv_start(uv_loop_t *loop, CURLM *multi, CURL *easy, curl_uv_done_fn on_done, void *user_data,
                  struct curl_uv **ret_transfer) __attribute__((warn_unused_result));

/* Lets go of both handles at once; on_closed (or NULL) is called from the loop. NULL is fine, but then
 * nothing is called. Not from inside a callback of the easy handle. */
void curl_uv_close(struct curl_uv *transfer, void (*on_closed)(void *user_data), void *user_data);

#endif
