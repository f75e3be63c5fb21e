"""`make audit`: known vulnerabilities of the pinned versions, from PyPI's advisories through pip-audit.

Exits with 0 when every package was audited and none has a known vulnerability, with 1 when some have (each is named),
and with 2 when the audit is incomplete. pip-audit itself exits with 0 after it has skipped packages, so its exit code
alone must never count as a clean result.
"""

import json
import subprocess
import sys

NONE_KNOWN, SOME_KNOWN, NOT_AUDITED = 0, 1, 2
SECONDS = 900


def report(output: str, log: str) -> tuple[int, list[str]]:
    """Return the exit code and the lines to print for pip-audit's standard output and standard error."""
    try:
        packages = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (log.strip().splitlines() or ["it said nothing"])[-1]
        return NOT_AUDITED, [f"not audited: pip-audit could not work: {last}"]
    vulnerable = [(one, each) for one in packages for each in one.get("vulns", ())]
    lines = [
        f"{one['name']} {one['version']}: {each['id']}; fixed in {', '.join(each['fix_versions']) or 'no version yet'}"
        for one, each in vulnerable
    ]
    skipped = [one for one in packages if "skip_reason" in one]
    if skipped or not packages:
        why = skipped[0]["skip_reason"] if skipped else "no package was found"
        lines.append(
            f"not audited: {len(skipped)} of {len(packages)} packages could not be looked up ({why}); nothing is known "
            "of them; is the service reachable from here?"
        )
        return NOT_AUDITED, lines
    if vulnerable:
        return SOME_KNOWN, lines
    return NONE_KNOWN, [f"{len(packages)} packages were audited; no vulnerability is known of any"]


def main(program: str, files: list[str]) -> int:
    """Audit the pinned packages of each file, print the results, and return the worst exit code."""
    worst = NONE_KNOWN
    for file in files:
        code, lines = audit_file(program, file)
        print("\n".join(f"{file}: {line}" for line in lines))
        worst = max(worst, code)
    return worst


def audit_file(program: str, file: str) -> tuple[int, list[str]]:
    """Return the exit code and the lines to print for one requirements file."""
    options = ["--format", "json", "--desc", "off", "--progress-spinner", "off", "--disable-pip", "--require-hashes"]
    command = [program, *options, "-r", file]
    try:
        done = subprocess.run(  # noqa: S603 - the arguments come from the Makefile
            command, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return NOT_AUDITED, [f"not audited: no answer within {SECONDS} seconds"]
    except OSError as error:
        return NOT_AUDITED, [f"not audited: {program}: {error.strerror}"]
    return report(done.stdout, done.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
