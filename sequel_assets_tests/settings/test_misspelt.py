"""A setting whose name is misspelt is named, with what was meant; other variables are nobody's business."""

from pathlib import Path

from sequel_assets_tests.support.commands.calls import call_in_process


def test_a_misspelt_setting_is_named_with_the_one_that_was_meant(tmp_path: Path) -> None:
    """In the environment and in `.env`; not where the right one is set too, and without its value."""
    (tmp_path / ".env").write_text("SEQUEL_ALERTS_URL=slack://token/of/app\nSEQUEL_CLIENT_IDS=x\nOTHER=y\n")
    env = {
        "SEQUEL_START_DAY": "2026-03-01",
        "SEQUEL_CLIENT_ID": "c",
        "SEQUEL_TEST_SCALE": "small",
        "SEQUELIZE_URL": "z",
    }
    done = call_in_process(["status"], tmp_path, env)
    assert done.stderr.splitlines()[:-1] == [
        "SEQUEL_ALERTS_URL is no setting and is ignored; did you mean SEQUEL_ALERT_URLS?",
        "SEQUEL_START_DAY is no setting and is ignored; did you mean SEQUEL_START_DATE?",
    ]


def test_right_names_are_not_spoken_of(tmp_path: Path) -> None:
    done = call_in_process(["status"], tmp_path, {"SEQUEL_START_DATE": "2026-03-01", "SEQUEL_FILE_MODE": "640"})
    assert len(done.stderr.splitlines()) == 1
