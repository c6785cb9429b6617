"""What goes wrong around the app. Each message is a sentence for whoever runs the command."""


class InfraError(Exception):
    """Packaging, deploying or the local cloud failed; the message says why and what to do."""


class NotDeployed(InfraError):
    """The stage has no stack, or the local cloud that would hold it isn't running."""
