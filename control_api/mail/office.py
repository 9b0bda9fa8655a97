"""Where mail leaves from, as it is configured."""

from b2bua.config.sections import MailSection
from control_api.mail.post import Post


def post_of(mail: MailSection) -> Post | None:
    """The post of a checked configuration, to be closed; None where no mail is sent."""
    if not mail.host:
        return None
    # Only who sends mail is to wait for what sends it.
    from control_api.mail.smtp import MailServer, SmtpCarrier

    return Post(SmtpCarrier(MailServer(mail.host, mail.port, mail.tls, mail.user, mail.password, mail.sender)))
