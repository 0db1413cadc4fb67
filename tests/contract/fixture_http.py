"""An HTTP server for tests: fixture_http.py PORT [CERTIFICATE KEY]"""
import http.server
import ssl
import sys

ANSWERS = {
    "/ok": (200, b"fine\n"),
    "/fail": (500, b"broken\n"),
    "/redirect": (302, b""),
    "/gauge": (200, b'{"queue": {"depth": 12.5}}'),
    "/gauge-text": (200, b'{"queue": {"depth": "many"}}'),
    "/gauge-html": (200, b"<html></html>"),
    "/big": (200, b'{"queue": {"depth": 1}}' + b" " * 200000),
}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status, body = ANSWERS.get(self.path, (404, b""))
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/ok")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            pass  # a client may have read enough

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, address):
        pass  # a client that goes away in mid-answer is no news


server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    # The handshake belongs to the connection's own thread, or a silent client would hold up all.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
