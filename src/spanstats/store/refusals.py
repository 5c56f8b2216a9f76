"""Why a database takes no connection, and whether it is useless to wait."""

import ssl

import asyncpg
from sqlalchemy.exc import DBAPIError

from ..errors import Unavailable
from .addresses import parse
from .outages import sqlstate
from .session import create_engine
from .tls import TlsError


async def refusal_of(url: str, timeout_s: float) -> tuple[str | None, bool]:
    """Why the database takes no connection, and whether it is useless to wait; the reason is `None` where it does."""
    # Whether there is a pooler is not known yet: asked in such a way that every pooler can answer.
    engine = create_engine(parse(url).with_parameters(pgbouncer="1").url(), connect_timeout_s=timeout_s)
    try:
        async with engine.connect():
            return None, False
    except Unavailable as error:
        return str(error), False
    except TlsError as error:
        return str(error), True
    except ssl.SSLError as error:
        return _tls_refusal(url, error), True
    except (OSError, TimeoutError) as error:
        if "rejected SSL" in str(error):
            return "it has no TLS, which sslmode asks for", True
        return getattr(error, "strerror", None) or "no answer", False
    except (DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return _answered_refusal(error)
    finally:
        await engine.dispose()


def _tls_refusal(url: str, error: ssl.SSLError) -> str:
    why = getattr(error, "verify_message", None) or (error.reason or "no TLS").replace("_", " ").lower()
    because = " (channel_binding=require)" if parse(url).get("channel_binding") == "require" else ""
    return f"its certificate or TLS does not fit{because}: {why}: name the authority by sslrootcert"


def _answered_refusal(error: BaseException) -> tuple[str, bool]:
    """What the server answered, and whether it is useless to wait."""
    code, text = sqlstate(error) or "", str(getattr(error, "orig", None) or error).splitlines()[0]
    if "startup parameter" in text:
        return f"{text}: it is a pooler, whose address must do without `options`", True
    # Wrong password or user (28), no such database (3D), wrong options (no code at all).
    return text, not code.startswith(("08", "53", "57"))
