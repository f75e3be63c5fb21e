"""What a refused call answers."""

import httpx

TEXT_404 = (404, "text/plain; charset=utf-8", "Event not found")


def refused(answer: httpx.Response) -> tuple[int, str, str]:
    return answer.status_code, answer.headers["content-type"], answer.text
