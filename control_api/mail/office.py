"""Where mail leaves from, as it is configured."""

from b2bua.config.sections import MailSection
from control_api.mail.post import Carrier, Post
from control_api.mail.shelf import LetterShelf


def post_of(mail: MailSection, shelf: LetterShelf | None = None) -> Post | None:
    """The post of a checked configuration, to be closed; None where no mail is sent."""
    return Post(carrier_of(mail), shelf=shelf) if mail.host else None


def carrier_of(mail: MailSection) -> Carrier:
    """What hands letters to the mail server of a configuration that has one."""
    # Only who sends mail is to wait for what sends it.
    from control_api.mail.smtp import MailServer, SmtpCarrier

    return SmtpCarrier(MailServer(mail.host, mail.port, mail.tls, mail.user, mail.password, mail.sender))
