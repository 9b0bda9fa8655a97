"""Letters by SMTP (RFC 5321), each in a conversation of its own."""

import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

import aiosmtplib

from control_api.mail.letters import Letter
from control_api.mail.post import CarrierAway, LetterRefused

TIMEOUT_S: Final = 30.0
_PERMANENT: Final = 500  # RFC 5321 section 4.2.1: 5yz will not be otherwise the next time


@dataclass(frozen=True, slots=True)
class MailServer:
    """A mail server. `tls`: "tls" from the first byte, "starttls" before anything is said, or "none"."""

    host: str
    port: int
    tls: str
    user: str
    password: str = field(repr=False)
    sender: str


class SmtpCarrier:
    """Hands letters to one mail server."""

    def __init__(self, server: MailServer, context: ssl.SSLContext | None = None) -> None:
        """`context`: whose certificates are good; None: the system's."""
        self._server = server
        self._context = context

    async def carry(self, letter: Letter) -> None:
        """Hand one over. LetterRefused, CarrierAway: neither says the mail address."""
        server = self._server
        try:
            await aiosmtplib.send(
                self._message(letter),
                hostname=server.host,
                port=server.port,
                username=server.user or None,
                password=server.password or None,
                use_tls=server.tls == "tls",
                start_tls=server.tls == "starttls",
                tls_context=self._context,
                timeout=TIMEOUT_S,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [refusal.code for refusal in error.recipients]
            if all(code >= _PERMANENT for code in codes):
                raise LetterRefused(f"the mail server refuses the address ({codes[0]})") from None
            raise CarrierAway(f"the mail server does not take it now ({codes[0]})") from None
        except aiosmtplib.SMTPResponseException as error:
            if error.code >= _PERMANENT and not isinstance(error, aiosmtplib.SMTPAuthenticationError):
                raise LetterRefused(f"the mail server refuses it ({error.code})") from None
            raise CarrierAway(f"the mail server does not take it now ({error.code})") from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise CarrierAway(type(error).__name__) from None

    def _message(self, letter: Letter) -> EmailMessage:
        message = EmailMessage(policy=SMTP)
        message["From"] = self._server.sender
        message["To"] = letter.to
        message["Subject"] = letter.subject
        message["Date"] = format_datetime(datetime.fromtimestamp(letter.at_ms // 1000, UTC))
        message["Message-ID"] = f"<{letter.letter_id}@{self._server.sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no automatic replies to it
        message.set_content(letter.text)
        return message
