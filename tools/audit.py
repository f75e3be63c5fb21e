"""`make audit`: known weaknesses of the pinned versions, asked of PyPI's advisories through pip-audit.

Ends with 0 when every package was asked about and none has any, 1 when some have (each is named), 2 when it could not be
asked: pip-audit itself ends with 0 where it has skipped packages, which says nothing about them.
"""

import json
import subprocess
import sys

NONE_KNOWN, SOME_KNOWN, NOT_ASKED = 0, 1, 2
SECONDS = 900


def report(output: str, words: str) -> tuple[int, list[str]]:
    """Return the exit code and the lines for what pip-audit wrote to its two outputs."""
    try:
        packages = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (words.strip().splitlines() or ["it said nothing"])[-1]
        return NOT_ASKED, [f"not audited: pip-audit could not work: {last}"]
    weak = [(one, weakness) for one in packages for weakness in one.get("vulns", ())]
    lines = [
        f"{one['name']} {one['version']}: {weakness['id']}; mended in {', '.join(weakness['fix_versions']) or 'no version yet'}"
        for one, weakness in weak
    ]
    skipped = [one for one in packages if "skip_reason" in one]
    if skipped or not packages:
        why = skipped[0]["skip_reason"] if skipped else "no package was found"
        lines.append(
            f"not audited: {len(skipped)} of {len(packages)} packages could not be asked about ({why}); nothing is known of them; "
            "is the service reachable from here?"
        )
        return NOT_ASKED, lines
    if weak:
        return SOME_KNOWN, lines
    return NONE_KNOWN, [f"{len(packages)} packages were asked about; no weakness is known of any"]


def main(program: str, files: list[str]) -> int:
    """Ask about the pinned packages of each file, print what is known, and return the worst of the codes."""
    worst = NONE_KNOWN
    for file in files:
        code, lines = asked_about(program, file)
        print("\n".join(f"{file}: {line}" for line in lines))
        worst = max(worst, code)
    return worst


def asked_about(program: str, file: str) -> tuple[int, list[str]]:
    """Return the exit code and the lines for one file."""
    command = [program, "--format", "json", "--desc", "off", "--progress-spinner", "off", "--disable-pip", "--require-hashes", "-r", file]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)  # noqa: S603 - our own words
    except subprocess.TimeoutExpired:
        return NOT_ASKED, [f"not audited: no answer within {SECONDS} seconds"]
    except OSError as error:
        return NOT_ASKED, [f"not audited: {program}: {error.strerror}"]
    return report(done.stdout, done.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
