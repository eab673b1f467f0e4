"""`berth keys`: make, list, revoke and replace API keys."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click
import orjson

from catalog.keys import ROLES, Key
from catalog.limits import MAX_LIMIT, Limits
from gateway.answers import Caller, key_body
from gateway.key_service import KeyService
from gateway.keys import TENANT
from providers import PROVIDERS
from providers.base import Json
from providers.errors import BerthError

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

CALLER = Caller(tenant="", actor="cli")
Command = Callable[..., None]
OpenKeys = Callable[[], AbstractContextManager[KeyService]]


class Duration(click.ParamType[int]):
    """A time such as `90d`, `12h`, `30m` or `10s`; its value is in seconds."""

    name = "duration"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the seconds."""
        match = re.fullmatch(r"([0-9]{1,9})([smhd])", value)
        if match is None:
            self.fail(f"{value!r} is no time such as 90d, 12h, 30m or 10s.", param, ctx)
        return int(match[1]) * UNITS_S[match[2]]


def _providers(_ctx: click.Context, _param: click.Parameter, value: str | None) -> list[str] | None:
    if value is None:
        return None
    names = sorted({name.strip() for name in value.split(",")})
    unknown = [name for name in names if name not in PROVIDERS]
    if unknown:
        raise click.BadParameter(f"there is no provider {', '.join(map(repr, unknown))}.")
    return names


def check_tenant(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    """Return the value if it can name a tenant."""
    if not re.fullmatch(TENANT, value):
        raise click.BadParameter("use 1 to 64 of A-Z a-z 0-9 . _ -")
    return value


def limit_options(kind: click.ParamType[Any]) -> Callable[[Command], Command]:
    """Return a decorator that lets a command take a limit of each sort."""
    helps = {
        "--max-file-bytes": "How large one file may be.",
        "--max-bytes": "How much hosted files may hold together.",
        "--max-containers": "How many containers may be alive.",
        "--requests-per-minute": "How many requests it may send in a minute.",
    }

    def decorate(command: Command) -> Command:
        for name, sentence in helps.items():
            command = click.option(name, type=kind, help=sentence)(command)
        return command

    return decorate


def limits_text(limits: Limits) -> list[str]:
    """Return the limits that there are, as a list shows them."""
    told = asdict(limits).items()
    return [f"{name.replace('_', '-')} {limit}" for name, limit in told if limit is not None]


def keys_group(opened: OpenKeys) -> click.Group:
    """Return the commands; `opened` gives the keys of the configured catalog."""

    @click.group()
    def keys() -> None:
        """Make, list, revoke and replace API keys.

        A key opens its tenant's containers and files, and nothing else. From the first one on,
        nobody is served without a key. A running server follows within seconds.
        """

    @keys.command()
    @click.option(
        "--tenant", required=True, callback=check_tenant, help="Whose containers it opens."
    )
    @click.option(
        "--role",
        type=click.Choice(ROLES),
        default="member",
        show_default=True,
        help="A reader changes nothing; an admin acts for any tenant, and makes keys.",
    )
    @click.option("--providers", callback=_providers, help="The only ones it may use: a,b,c.")
    @click.option("--expires", type=Duration(), help="When it ends, from now: 90d, 12h.")
    @limit_options(click.IntRange(1, MAX_LIMIT))
    @click.option("--quiet", is_flag=True, help="Print nothing but the key.")
    def create(
        tenant: str,
        role: str,
        providers: list[str] | None,
        expires: int | None,
        *,
        quiet: bool,
        **limits: int | None,
    ) -> None:
        """Make a key and print it, once."""
        spec = {
            "tenant": tenant,
            "role": role,
            "providers": providers,
            "expires_in_seconds": expires,
            **limits,
        }
        with opened() as service:
            made = service.create_key(CALLER, {k: v for k, v in spec.items() if v is not None})
        _print(made, quiet=quiet)

    @keys.command(name="list")
    @click.option("--json", "as_json", is_flag=True, help="Write JSON lines, for programs.")
    def list_keys(*, as_json: bool) -> None:
        """Show all keys, but of each only how it begins."""
        with opened() as service:
            for key in service.list_all_keys():
                click.echo(orjson.dumps(key_body(key)) if as_json else _line(key))

    @keys.command()
    @click.argument("key_id")
    def revoke(key_id: str) -> None:
        """Let a key end now."""
        with opened() as service, _telling_what_is_wrong():
            service.revoke_key(CALLER, key_id)
        click.echo(f"{key_id} is revoked; every process follows within seconds.")

    @keys.command()
    @click.argument("key_id")
    @click.option(
        "--grace", type=Duration(), default="0s", help="How long the old one still works."
    )
    @click.option("--quiet", is_flag=True, help="Print nothing but the key.")
    def rotate(key_id: str, grace: int, *, quiet: bool) -> None:
        """Replace a key by a new one that may do the same."""
        with opened() as service, _telling_what_is_wrong():
            made = service.rotate_key(CALLER, key_id, grace_s=grace)
        _print(made, quiet=quiet)

    return keys


@contextmanager
def _telling_what_is_wrong() -> Iterator[None]:
    try:
        yield
    except BerthError as exc:
        raise click.ClickException(exc.message) from None


def _print(made: Json, *, quiet: bool) -> None:
    click.echo(made["secret"])
    if not quiet:
        click.echo(f"This is {made['id']}. It is not kept and cannot be shown again.", err=True)


def _line(key: Key) -> str:
    providers = ",".join(key.providers) if key.providers is not None else "all"
    fields = [key.id, f"{key.hint}…", key.tenant, key.role, providers]
    if key.expires_at is not None:
        fields.append(f"expires {_time(key.expires_at)}")
    if key.revoked_at is not None:
        fields.append(f"revoked {_time(key.revoked_at)}")
    return "  ".join([*fields, *limits_text(key.limits)])


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
