"""What Presidio's recognisers find: texts come as JSON on stdin, spans and CPU-seconds go to stdout.

Runs in an environment of its own. Recognisers are asked directly, without a language model, whose context words would only
change scores; every score counts.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import tldextract
from presidio_analyzer import predefined_recognizers as known

RECOGNISERS: list[Any] = [
    known.KrRrnRecognizer(),
    known.KrFrnRecognizer(),
    known.KrBrnRecognizer(),
    known.KrPassportRecognizer(),
    known.KrDriverLicenseRecognizer(),
    known.PhoneRecognizer(supported_regions=["KR"]),
    known.CreditCardRecognizer(),
    known.EmailRecognizer(),
    known.IpRecognizer(),
]


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of all that is found."""
    for recogniser in RECOGNISERS:
        for result in recogniser.analyze(text, recogniser.supported_entities, None):
            yield result.start, result.end


def main() -> None:
    """One answer for all texts."""
    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=())  # its own list, nothing from the network
    texts: list[str] = json.load(sys.stdin)
    spans("warm a@b.kr 010-1234-5678")
    answers = []
    for text in texts:
        began = time.thread_time()
        found = [*spans(text)]
        answers.append((found, time.thread_time() - began))
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
