"""A stand-in for a service of yours: prices a translation, by Lambda's wire format. Run: python3 service.py [PORT]

The request's body is the function's input, the answer's body its result. An answer with the header X-Amz-Function-Error is
the function's own failure, with errorType and errorMessage in the body.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CENTS_PER_WORD = {"French": 12, "Latin": 30}


class Quotes(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        rate = CENTS_PER_WORD.get(request["language"])
        if rate is None:
            error = {"errorType": "UnknownLanguage", "errorMessage": f"nobody here speaks {request['language']}"}
            return self.answer(error, {"X-Amz-Function-Error": "Unhandled"})
        return self.answer({"priceCents": rate * request["words"]})

    def answer(self, document, headers={}):
        body = json.dumps(document).encode()
        self.send_response(200)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 9180
    ThreadingHTTPServer(("127.0.0.1", port), Quotes).serve_forever()
