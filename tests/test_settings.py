"""Settings come from the environment, and wrong ones are told by name."""

from pathlib import Path

import pytest

import spanstats
from spanstats.settings import Settings, SettingsError, load, misspelt


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_every_usual_form_of_address_is_taken(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setenv(
        "SPANSTATS_DATABASE_URL", f"{scheme}://me:p%40ss@db:6543/spans?sslmode=require&connect_timeout=3"
    )
    url = load().database_url
    assert url is not None
    assert url.get_secret_value() == "postgresql+asyncpg://me:p%40ss@db:6543/spans?sslmode=require"


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(f"SPANSTATS_{name.upper()}", "")
    assert load() == Settings.model_construct()


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("PORT", "http", "integer"),
        ("PORT", "65536", "65535"),
        ("WORKERS", "0", "greater"),
        ("READ_TIMEOUT_S", "nan", "finite|less|greater"),
        ("LOG_LEVEL", "loud", "debug"),
        ("DATABASE_URL", "mysql://u:hunter2@h/d", "postgresql://"),
        ("DATABASE_URL", "postgresql://u:hunter2@h", "names no database"),
        ("DATABASE_URL", "hunter2", "not an address"),
        ("DATABASE_URL", "postgresql://u:hunter2@h/d?sslrootdir=x", "sslrootdir"),
        ("API_KEY", "hunter2 with spaces", "printable"),
        ("ROOT_PATH", "spanstats", "begin with /"),
        ("TRACING_ENDPOINT", "hunter2:4318", "not an address"),
        ("TRACING_ENDPOINT", "grpc://hunter2:4317", "not an address"),
        ("TRACING_ENDPOINT", "http://:4318/hunter2", "not an address"),
        ("TRACING_ENDPOINT", "http://hunter2:port", "not an address"),
        ("TRACING_ENDPOINT", "http://hunter2:4318/v1 traces", "not an address"),
        ("TRACING_ENDPOINT", "http://u:hunter2@h:4318", "OTEL_EXPORTER_OTLP_HEADERS"),
        ("TRACING_ENDPOINT", "http://h:4318/v1/traces?token=hunter2", "OTEL_EXPORTER_OTLP_HEADERS"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_variable_and_not_the_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, why: str
) -> None:
    monkeypatch.setenv(f"SPANSTATS_{name}", value)
    with pytest.raises(SettingsError, match=why) as failure:
        load()
    [line] = failure.value.lines
    assert line.startswith(f"SPANSTATS_{name}: ")
    assert "\n" not in line
    assert "hunter2" not in line


@pytest.mark.parametrize(
    ("address", "whole_address"),
    [
        ("http://collector:4318", "http://collector:4318/v1/traces"),
        ("https://[::1]:4318/", "https://[::1]:4318/v1/traces"),
        ("https://collector/otlp/v1/traces", "https://collector/otlp/v1/traces"),
    ],
)
def test_an_address_of_a_collector_without_a_path_has_the_usual_one(
    monkeypatch: pytest.MonkeyPatch, address: str, whole_address: str
) -> None:
    monkeypatch.setenv("SPANSTATS_TRACING_ENDPOINT", address)
    assert load().tracing_endpoint == whole_address


def test_secrets_are_not_shown_with_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANSTATS_API_KEY", "hunter2")
    monkeypatch.setenv("SPANSTATS_DATABASE_URL", "postgresql://u:hunter2@h/d")
    assert "hunter2" not in repr(load())


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANSTATS_CORS_ORIGINS", "https://a.example, https://b.example,")
    assert load().cors_origins == ("https://a.example", "https://b.example")
    monkeypatch.setenv("SPANSTATS_TRUSTED_PROXIES", "10.0.0.0/8, ::1")
    assert load().trusted_proxies == ("10.0.0.0/8", "::1")


@pytest.mark.parametrize("text", ["proxy.example", "10.0.0.0/33", "10.0.0.7/8", "127.0.0.1;::1"])
def test_proxies_are_addresses_or_networks(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("SPANSTATS_TRUSTED_PROXIES", text)
    with pytest.raises(SettingsError, match="SPANSTATS_TRUSTED_PROXIES"):
        load()


def test_a_variable_that_is_almost_a_setting_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SPANSTATS_WORKER", "SPANSTATS_PORT", "SPANSTATS_URL", "SPANSTATS_TEST_DATABASE_URL"):
        monkeypatch.setenv(name, "1")
    assert misspelt() == ["SPANSTATS_WORKER is no setting and changes nothing: SPANSTATS_WORKERS is one"]


def test_what_is_given_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANSTATS_PORT", "1")
    assert load(port=2).port == 2


def test_every_setting_is_described_and_used() -> None:
    package = Path(spanstats.__file__).parent
    code = "".join(file.read_text() for file in package.glob("*.py") if file.name != "settings.py")
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert f"settings.{name}" in code, f"{name} is read nowhere"
