"""One call over HTTP: token, place, request, answer or error, retries."""
