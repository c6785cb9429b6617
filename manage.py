#!/usr/bin/env python
"""Popflix's commands: `python manage.py --help`."""

import json
import os
import shutil
import signal
import stat
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from chalicelib.aws import passes
from chalicelib.errors import PopflixError, Unavailable
from infra import deploying, localcloud, serving, users
from infra.errors import InfraError

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

LOCAL = deploying.LOCAL
SAMPLE = Path(__file__).parent / "sample" / "movies_catalogue.json"
# Made when the cloud has stopped, and so written, with the whole sample in it.
SAMPLE_LOADED = localcloud.FOLDER / "sample-loaded"


stage_option = click.option(
    "--stage", default=LOCAL, show_default=True, help="Which deployment; local is this machine's."
)


class TryAgain(click.ClickException):
    """Nothing is wrong with what was asked; ClickException's own exit code, 1, is a refusal."""

    exit_code = 3


class Stopped(click.ClickException):
    """Ctrl-C; the exit code is the shells' own for it."""

    exit_code = 130


class Sentences(click.Group):
    """A group of commands whose expected failures are a sentence and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command."""
        # Both are AWS's own names, but botocore reads only one of them.
        if region := os.environ.get("AWS_REGION"):
            os.environ["AWS_DEFAULT_REGION"] = region
        # No proxy is between this machine and itself.
        bypassed = urllib.request.getproxies_environment().get("no", "")
        if bypassed != "*":
            os.environ["no_proxy"] = ",".join(filter(None, [bypassed, localcloud.HOST]))
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, click.Abort):
            raise Stopped("Stopped.") from None
        except Unavailable as error:
            raise TryAgain(str(error)) from error
        except (PynamoDBException, BotoCoreError, ClientError) as error:
            if passes(error):
                raise TryAgain(f"AWS is busy or out of reach: {error}") from error
            raise click.ClickException(f"AWS refuses this: {error}") from error
        except BrokenPipeError:  # click ends quietly when the reader has enough
            raise
        except (InfraError, PopflixError, OSError) as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Sentences, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Run, deploy and look after Popflix."""


def enter(stage: str) -> None:
    """Point this process at a stage's tables and bucket. chalicelib is to be imported after it."""
    if stage == LOCAL:
        localcloud.enter()
    os.environ.update(deploying.environment(stage))


@cli.command()
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--reload", is_flag=True, help="Serve app.py from source, anew after each change.")
def runserver(port: int, reload: bool) -> None:
    """Run the whole of Popflix on this machine until Ctrl-C.

    The first time it takes the sample catalogue, makes a first report of its ratings, and an admin,
    whose password it prints. What is changed stays, in .local/.
    """
    # A supervisor and a closed terminal (not with nohup) end it as Ctrl-C does, which shells turn
    # off for background jobs: the data is written at the end.
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if name != signal.SIGHUP or signal.getsignal(name) != signal.SIG_IGN:
            signal.signal(name, signal.default_int_handler)
    loaded = False
    try:
        if reload:
            localcloud.check_free(port)
        with localcloud.running(localcloud.free_port() if reload else port) as cloud:
            try:
                localcloud.enter()
                click.echo("Deploying to the local cloud ...")
                deploying.deploy(LOCAL, say=click.echo)
                enter(LOCAL)
                first_run()
                serving.check_health()
                loaded = True
                click.echo(serving.welcome(port, serving.first_admin()))
                serving.wait(serving.serve_source(port) if reload else cloud)
            finally:
                # A second Ctrl-C must not keep the cloud from writing its data.
                for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    signal.signal(name, signal.SIG_IGN)
    except KeyboardInterrupt:
        if loaded:
            SAMPLE_LOADED.touch()
        click.echo("\nStopped.")


def first_run() -> None:
    """Load the sample catalogue and report on it, if there is none from an earlier run."""
    if SAMPLE_LOADED.exists():
        return
    from chalicelib.dumps import WrongRows  # noqa: PLC0415

    click.echo("Loading the sample catalogue ...")
    try:
        load(SAMPLE.read_bytes())
    except WrongRows:  # of a run that was killed, or of another stack's making
        click.echo("Some of it was changed since it was loaded, so all of it stays as it is.")
    click.echo("Reporting its ratings ...")
    run_report(LOCAL)


def load(dump: bytes) -> None:
    """Load a dump into the catalogue of the stage that was entered."""
    from chalicelib import transfer  # noqa: PLC0415

    todo = transfer.plan(dump)
    for change in todo.changes:
        click.echo(change)
    for model, skipped in todo.skipped.items():
        click.echo(f"{model}: {skipped} rows of another model are skipped.")
    rows = len(todo.groups) + len(todo.items)
    with progress("Loading", rows) as bar:
        transfer.carry_out(todo, bar.update)
    click.echo(f"Installed {rows} rows; {todo.present} were there already.")


@contextmanager
def whole(path: str) -> Iterator[IO[bytes]]:
    """A file to write, or standard output for -. A file stays what it was until it is whole."""
    if path == "-":
        yield sys.stdout.buffer
        return
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():  # a device or a pipe: not to be replaced
        with target.open("wb") as stream:
            yield stream
        return
    part = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with part.open("xb") as file:
            yield file
        if target.exists():
            part.chmod(stat.S_IMODE(target.stat().st_mode))
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def progress(label: str, rows: int) -> "ProgressBar[int]":
    """A progress bar on standard error, or nothing where that is no terminal."""
    hidden = not sys.stderr.isatty()
    return click.progressbar(length=rows, label=label, file=sys.stderr, hidden=hidden)


def run_report(stage: str) -> dict[str, Any]:
    """Run the report in the deployed stack, as a scheduler would, and wait for its result."""
    function = deploying.outputs(stage)["ReportFunction"]
    # It may take as long as the function has; asking again would run it again.
    patient = Config(read_timeout=900, retries={"total_max_attempts": 1})
    event = {"time": datetime.now(UTC).isoformat(timespec="seconds")}
    answer = deploying.client("lambda", stage, patient).invoke(
        FunctionName=function, Payload=json.dumps(event)
    )
    result: dict[str, Any] = json.load(answer["Payload"])
    if "FunctionError" in answer:
        raise InfraError(f"The report of channel ratings failed: {result['errorMessage']}")
    return result


@cli.command()
@click.option("--stage", required=True, help="For example prod; local means this machine.")
@click.option("--alarm-email", help="Who gets the alarms, from now on.")
def deploy(stage: str, alarm_email: str | None) -> None:
    """Deploy to AWS, with the credentials and region that AWS's own tools use."""
    if stage == LOCAL:
        localcloud.enter()
    for name, value in deploying.deploy(stage, alarm_email=alarm_email, say=click.echo).items():
        click.echo(f"{name}: {value}")


@cli.command()
@click.argument("file", type=click.File("rb"))
@stage_option
def loaddata(file: IO[bytes], stage: str) -> None:
    """Load FILE (- is standard input), a PopFlix dump, into the catalogue.

    Names every row that is wrong, and then writes nothing. What is there already is skipped, so a
    load that was cut off is simply run again.
    """
    enter(stage)
    from chalicelib.dumps import WrongRows  # noqa: PLC0415

    try:
        load(file.read())
    except WrongRows as error:
        for row in error.rows:
            click.echo(str(row), err=True)
        raise


@cli.command()
@click.argument("file", type=click.Path(dir_okay=False), default="-")
@stage_option
def dumpdata(file: str, stage: str) -> None:
    """Write the catalogue to FILE (- is standard output), as a dump that loaddata takes."""
    if not Path(file).parent.is_dir():
        raise click.ClickException(f"There is no folder {Path(file).parent}.")
    enter(stage)
    from chalicelib import transfer  # noqa: PLC0415

    rows, text = transfer.dump()
    with whole(file) as output, progress("Dumping", rows) as bar:
        separator = "[\n"
        for row in text:
            output.write((separator + row).encode())
            separator = ",\n"
            bar.update(1)
        output.write(b"\n]\n" if rows else b"[]\n")


@cli.command()
@click.option("--repair", is_flag=True, help="Mend what can be; safe beside live writers.")
@stage_option
def verify(repair: bool, stage: str) -> None:
    """Recount the catalogue, and print what is wrong with it, and what would mend it.

    Exits with 1 if anything is wrong, or still is after --repair.
    """
    enter(stage)
    from chalicelib import verify as verifying  # noqa: PLC0415

    found = verifying.repair(click.echo) if repair else verifying.verify()
    for violation in found.violations:
        click.echo(violation)
    for line in found.unfinished:
        click.echo(f"{line} DELETE it again, or --repair finishes it.")
    for line in found.unsettled:
        click.echo(f"Changes too fast to tell: {line}")
    if found.violations:
        more = "" if repair else " --repair mends what can be."
        raise click.ClickException(f"{len(found.violations)} things are wrong.{more}")
    if found.unsettled:
        raise TryAgain("Not all of it stood still: run it again.")
    click.echo("The catalogue is right.")


@cli.command("channel_ratings")
@click.option("--output", type=click.Path(dir_okay=False), help="Where to; - is standard output.")
@stage_option
def channel_ratings(output: str | None, stage: str) -> None:
    """Run the ratings report in the deployed stack, say where it is, and save it.

    Without --output it is saved in this folder, under its own name.
    """
    if output is not None and not Path(output).parent.is_dir():
        raise click.ClickException(f"There is no folder {Path(output).parent}.")
    report = run_report(stage)
    bucket, key = report["bucket"], report["key"]
    click.echo(f"{report['rows']} channels are rated in s3://{bucket}/{key}.", err=output == "-")
    if report["left_out"]:
        some = ", ".join(report["orphans"] + report["circular"])
        click.echo(
            f"{report['left_out']} channels are left out, for their pointers lead nowhere or in a "
            f"circle: {some}",
            err=True,
        )
    target = output or f"channel-ratings-{report['name']}"
    with whole(target) as file:
        shutil.copyfileobj(
            deploying.client("s3", stage).get_object(Bucket=bucket, Key=key)["Body"], file
        )
    if target != "-":
        click.echo(f"Saved as {target}.")


@cli.command()
@click.option("--username", help="Whom to make, with a password that is printed this once.")
@stage_option
def createsuperuser(username: str | None, stage: str) -> None:
    """Make an admin, who may do everything.

    Without --username it asks for the username and a password.
    """
    if username is None:
        deploying.outputs(stage)  # nobody is asked for nothing
        username = click.prompt("Username", type=str)
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, type=str)
        users.create(stage, username, password, users.ADMINS)
        click.echo(f"{username} is one of {users.ADMINS} now.")
    else:
        create_user(stage, username, users.ADMINS)


@cli.command()
@click.argument("username")
@click.option("--group", type=click.Choice(users.GROUPS), required=True, help="What for.")
@stage_option
def createuser(username: str, group: str, stage: str) -> None:
    """Make a user, with a password that is printed this once.

    Editors change the catalogue, analysts read the reports, admins do both.
    """
    create_user(stage, username, group)


def create_user(stage: str, username: str, group: str) -> None:
    """Make a user with a new password, and print it and how to sign in."""
    password = users.password()
    users.create(stage, username, password, group)
    base = deploying.outputs(stage)["ApiUrl"].rstrip("/")
    click.echo(
        f"""{username} is one of {group} now. The password, which is shown this once, is

  {password}

and this signs in:

{serving.sign_in(base, username, password)}"""
    )


if __name__ == "__main__":
    cli()
