"""One call over HTTP: token, concurrency permit, request, response or error, retries."""
