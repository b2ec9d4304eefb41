"""Why something cannot be used."""


class Refused(Exception):
    """The subclasses say why."""


class Corrupt(Refused):
    """It is not what was written."""


class Newer(Refused):
    """A later version of the format wrote it."""


class Missing(Refused):
    """It is not there, or not any more."""


class Denied(Refused):
    """The key file does not open it."""


def need(condition, message, kind=Corrupt):
    if not condition:
        raise kind(message)
