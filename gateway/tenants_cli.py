"""`berth tenants`: show tenants and what they use, and limit them."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import click

from catalog.limits import MAX_LIMIT
from gateway.keys_cli import check_tenant, limit_options, limits_text
from gateway.tenants import Tenants

OpenTenants = Callable[[], AbstractContextManager[Tenants]]


class LimitOrWord(click.ParamType[int | str]):
    """A limit, `none` for no limit, or `default` for the limit of every tenant."""

    name = "N|none|default"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        """Return the number or the word."""
        if value in {"none", "default"}:
            return value
        if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= MAX_LIMIT:
            self.fail(
                f"{value!r} is neither a limit of 1 or more, 'none' nor 'default'.", param, ctx
            )
        return int(value)


def tenants_group(opened: OpenTenants) -> click.Group:
    """Return the commands; `opened` gives the tenants of the configured catalog."""

    @click.group()
    def tenants() -> None:
        """Show tenants and what they use, and limit them."""

    @tenants.command(name="list")
    def list_tenants() -> None:
        """Show all tenants, what each uses, and its limits."""
        with opened() as known:
            for one in known.all():
                use = [one.name, f"containers {one.containers}", f"bytes {one.bytes}"]
                click.echo("  ".join([*use, *limits_text(one.limits)]))

    @tenants.command()
    @click.argument("tenant", callback=check_tenant)
    @limit_options(LimitOrWord())
    def limit(tenant: str, **limits: int | str | None) -> None:
        """Limit a tenant, in place of the limits that hold for every tenant."""
        given = {name: value for name, value in limits.items() if value is not None}
        if not given:
            raise click.UsageError("Say which limit.")
        own = {name: value if isinstance(value, int) else None for name, value in given.items()}
        as_all = frozenset(name for name, value in given.items() if value == "default")
        with opened() as known:
            known.limit(tenant, own, as_all)
        click.echo(f"{tenant} is limited; every process follows within seconds.")

    return tenants
