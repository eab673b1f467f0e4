"""Settings come from the environment; all that is wrong with them is told at once, at start."""

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.settings import Settings, SettingsError, load_settings, variable

DOCS = Path(__file__).parent.parent / "docs" / "configuration.md"
OFF, ON = False, True

Value = str | int | float | bool | Path | None


class Setting(NamedTuple):
    """A field's variable, its default, and what the variable may and may not say."""

    variable: str
    default: Value
    good: dict[str, Value]
    bad: tuple[str, ...]


SETTINGS = {
    "host": Setting(
        "HOST",
        "127.0.0.1",
        {"localhost": "localhost", "127.9.9.9": "127.9.9.9", "::1": "::1"},
        ("",),
    ),
    "port": Setting("PORT", 8080, {"0": 0, "65535": 65535}, ("-1", "65536", "http", "", "1.5")),
    "workers": Setting("WEB_CONCURRENCY", 1, {"1": 1, "256": 256}, ("0", "257", "two", "")),
    "metrics_port": Setting(
        "BERTH_METRICS_PORT", None, {"1": 1, "65535": 65535}, ("0", "65536", "http", "")
    ),
    "threads": Setting("BERTH_THREADS", 64, {"1": 1, "1024": 1024}, ("0", "1025", "1e2", "")),
    "allow_anonymous": Setting(
        "BERTH_ALLOW_ANONYMOUS", OFF, {"true": True, "0": False}, ("maybe", "2", "")
    ),
    "allow_raw": Setting("BERTH_ALLOW_RAW", ON, {"true": True, "0": False}, ("maybe", "2", "")),
    "config": Setting("BERTH_CONFIG", None, {"a/b.yaml": Path("a/b.yaml")}, ()),
    "data_dir": Setting("BERTH_DATA_DIR", Path("data"), {"a/b": Path("a/b")}, ("", "file/below")),
    "max_file_bytes": Setting(
        "BERTH_MAX_FILE_BYTES", 512 * 1024**2, {"1": 1, "5000000000": 5 * 10**9}, ("0", "5GB", "")
    ),
    **{
        f"tenant_{name}": Setting(
            f"BERTH_TENANT_{name.upper()}",
            None,
            {"1": 1, "5000000000": 5 * 10**9},
            ("0", "5GB", ""),
        )
        for name in ("requests_per_minute", "max_containers", "max_bytes", "max_file_bytes")
    },
    "max_json_bytes": Setting(
        "BERTH_MAX_JSON_BYTES", 1024**2, {"1024": 1024, "99000000": 99 * 10**6}, ("1023", "1MB", "")
    ),
    "max_expires_minutes": Setting(
        "BERTH_MAX_EXPIRES_MINUTES",
        43_200,
        {"1": 1, "5256000": 5_256_000},
        ("0", "5256001", "1d", ""),
    ),
    "expired_retention_hours": Setting(
        "BERTH_EXPIRED_RETENTION_HOURS",
        168,
        {"0": 0.0, "0.5": 0.5, "87600": 87_600.0},
        ("-1", "87601", "nan", "inf", "1d", ""),
    ),
    "audit_retention_days": Setting(
        "BERTH_AUDIT_RETENTION_DAYS", 90, {"0": 0.0, "0.5": 0.5}, ("-1", "nan", "1d", "")
    ),
    "orphan_grace_s": Setting(
        "BERTH_ORPHAN_GRACE_S", 3600, {"0": 0.0, "0.5": 0.5}, ("-1", "nan", "1h", "")
    ),
    "sweep_interval_s": Setting(
        "BERTH_SWEEP_INTERVAL_S", 10, {"0.1": 0.1, "30": 30.0}, ("0", "31", "nan", "inf", "1m", "")
    ),
    "idle_timeout_s": Setting(
        "BERTH_IDLE_TIMEOUT_S", 60, {"0.5": 0.5, "3600": 3600.0}, ("0", "-1", "nan", "1m", "")
    ),
    "head_timeout_s": Setting(
        "BERTH_HEAD_TIMEOUT_S",
        20,
        {"0.5": 0.5, "3600": 3600.0},
        ("0", "-1", "nan", "inf", "1m", ""),
    ),
    "cors_origins": Setting(
        "BERTH_CORS_ORIGINS",
        "",
        {"https://a.org, http://localhost:3000": "https://a.org, http://localhost:3000", "": ""},
        ("a.org", "https://a.org/", "https://a.org,,http://b.org", "*", "null"),
    ),
    "shutdown_timeout_s": Setting(
        "BERTH_SHUTDOWN_TIMEOUT_S", 30, {"1": 1, "600": 600}, ("0", "-1", "1m", "")
    ),
    "validate_responses": Setting(
        "BERTH_VALIDATE_RESPONSES", OFF, {"true": True, "false": False}, ("maybe", "")
    ),
    "log_level": Setting(
        "BERTH_LOG_LEVEL",
        "info",
        {level: level for level in ("debug", "info", "warning", "error")},
        ("loud", "INFO", ""),
    ),
}

GOOD = [
    pytest.param(field, text, value, id=f"{setting.variable}={text}")
    for field, setting in SETTINGS.items()
    for text, value in setting.good.items()
]
BAD = [
    pytest.param(setting.variable, text, id=f"{setting.variable}={text}")
    for setting in SETTINGS.values()
    for text in setting.bad
]


@pytest.fixture(autouse=True)
def environ(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment without settings, in an empty directory with one file."""
    for field in Settings.model_fields:
        monkeypatch.delenv(variable(field), raising=False)
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    return monkeypatch


def test_every_setting_is_here() -> None:
    assert {field: variable(field) for field in Settings.model_fields} == {
        field: setting.variable for field, setting in SETTINGS.items()
    }


def test_without_an_environment_the_defaults_hold() -> None:
    defaults = {field: setting.default for field, setting in SETTINGS.items()}

    assert load_settings().model_dump() == defaults


@pytest.mark.parametrize(("field", "text", "value"), GOOD)
def test_a_setting_is_read(
    environ: pytest.MonkeyPatch, field: str, text: str, value: Value
) -> None:
    environ.setenv(SETTINGS[field].variable, text)

    read = getattr(load_settings(), field)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(("name", "text"), BAD)
def test_a_value_that_makes_no_sense_is_refused(
    environ: pytest.MonkeyPatch, name: str, text: str
) -> None:
    environ.setenv(name, text)

    with pytest.raises(SettingsError, match=rf"(?m)^  - {name}: .*\.$"):
        load_settings()


@pytest.mark.parametrize("name", ["BERTH_HOST", "BERTH_PORT", "BERTH_DATADIR", "berth_api_key"])
def test_a_variable_that_is_no_setting_is_refused(environ: pytest.MonkeyPatch, name: str) -> None:
    environ.setenv(name, "sk-secret")

    with pytest.raises(SettingsError, match=f"  - {name}: there is no such setting.") as refusal:
        load_settings()
    assert "sk-secret" not in str(refusal.value)


def test_other_variables_are_not_ours(environ: pytest.MonkeyPatch) -> None:
    environ.setenv("BERTHOLD", "1")
    environ.setenv("OPENAI_API_KEY", "sk-secret")

    assert load_settings().port == 8080


def test_an_ipv6_address_is_told_from_its_port(environ: pytest.MonkeyPatch) -> None:
    environ.setenv("HOST", "::1")

    assert load_settings().address == "[::1]:8080"


def test_the_data_directory_is_made(environ: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environ.setenv("BERTH_DATA_DIR", str(tmp_path / "a" / "b"))
    load_settings()

    assert (tmp_path / "a" / "b").is_dir()


def test_all_that_is_wrong_is_in_one_message(environ: pytest.MonkeyPatch) -> None:
    wrong = {setting.variable: setting.bad[-1] for setting in SETTINGS.values() if setting.bad}
    wrong |= {"HOST": "", "BERTH_COLOUR": "blue", "BERTH_DATA_DIR": ""}
    for name, text in wrong.items():
        environ.setenv(name, text)

    with pytest.raises(SettingsError) as refusal:
        load_settings()
    lines = str(refusal.value).splitlines()
    assert lines[0] == "Berth cannot start:"
    assert {line.removeprefix("  - ").split(":")[0] for line in lines[1:]} == set(wrong)


def test_a_command_ends_with_the_message_alone(environ: pytest.MonkeyPatch) -> None:
    environ.setenv("PORT", "sk-secret-1")
    environ.setenv("BERTH_API_KEY", "sk-secret-2")
    ended = subprocess.run(
        [sys.executable, "-m", "gateway.cli", "sweep"],
        cwd=DOCS.parent.parent,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert re.fullmatch(
        r"Error: Berth cannot start:\n  - BERTH_API_KEY: .*\n  - PORT: .*\n", ended.stderr
    )
    assert "sk-secret" not in ended.stderr


def test_the_documentation_has_every_setting_and_its_default() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| `([^`]*)` \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE
    )

    assert dict(rows) == {
        setting.variable: str(setting.default).lower() for setting in SETTINGS.values()
    }
    assert len(rows) == len(SETTINGS)
