"""Makes what is deployed: one zip with the code and one CloudFormation template.

The same two go to AWS and to the local cloud. They are kept under build/, named by a hash of
everything that they are made from, so making them again takes neither the network nor time.
"""

import fcntl
import hashlib
import json
import os
import py_compile
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from infra.errors import InfraError
from infra.problems import gateway_responses

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
TEMPLATE = ROOT / "infra" / "template.yaml"
REQUIREMENTS = ROOT / "requirements.txt"

# botocore describes every AWS service, some 27 MB: these are the ones that the app calls, and sts,
# which credentials come through. The files beside the folders are about all services; they stay.
_SERVICES = {"cognito-idp", "dynamodb", "s3", "sts"}
_SKIPPED_FOLDERS = {"__pycache__", "bin", "tests"}
_SKIPPED_FILES = {"examples-1.json"}
_ARCHIVE = "deployment.zip"
_TEMPLATE = "template.json"
_CHALICE = "import sys; from chalice.cli import main; sys.exit(main())"
# The oldest time that a zip can hold: the same files give the same bytes, whenever it is made.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


class Artefact(NamedTuple):
    """What a deployment needs: the template (CodeUri still to be filled in) and the code's zip."""

    template: dict[str, Any]
    archive: Path


def package(stage: str) -> Artefact:
    """Return the artefact of the source tree as it is now for `stage`, made only if it changed.

    Raises InfraError if the packages that the app needs can't be fetched, or app.py doesn't load.
    """
    BUILD.mkdir(exist_ok=True)
    folder = BUILD / _digest(stage)
    with (BUILD / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _make(stage, folder)
    return Artefact(json.loads((folder / _TEMPLATE).read_text()), folder / _ARCHIVE)


def _make(stage: str, folder: Path) -> None:
    dependencies = _dependencies()
    with tempfile.TemporaryDirectory(dir=BUILD) as name:
        scratch = Path(name)
        _run_chalice(stage, scratch)
        code = scratch / "code"
        with zipfile.ZipFile(scratch / "out" / "deployment.zip") as archive:
            archive.extractall(code)
        _compile(code)
        made = scratch / "made"
        made.mkdir()
        _write_zip(made / _ARCHIVE, [dependencies, code])
        template = _template(scratch / "out" / "sam.yaml")
        (made / _TEMPLATE).write_text(json.dumps(template, separators=(",", ":")))
        made.replace(folder)


def _digest(stage: str) -> str:
    inputs = [ROOT / "app.py", REQUIREMENTS, TEMPLATE]
    inputs += [Path(__file__), ROOT / "infra" / "problems.py"]
    inputs += sorted((ROOT / "chalicelib").rglob("*.py"))
    inputs += sorted((ROOT / ".chalice").glob("*.json"))
    # Chalice goes into the zip itself, and makes the template.
    versions = [stage.encode(), metadata.version("chalice").encode()]
    return _hash([*versions, *(_named(path) for path in inputs)])


def _named(path: Path) -> bytes:
    return bytes(path.relative_to(ROOT)) + b"\0" + path.read_bytes()


def _hash(parts: Iterable[bytes]) -> str:
    sha = hashlib.sha256(f"{sys.version_info[:2]}".encode())
    for part in parts:
        sha.update(b"%d\0" % len(part) + part)
    return sha.hexdigest()


def _dependencies() -> Path:
    """Return a folder with the packages of requirements.txt as Lambda's machines run them.

    Chalice would fetch them anew after every change of the app; this does so only after a change
    of the requirements.
    """
    folder = BUILD / f"dependencies-{_hash([_named(REQUIREMENTS), _named(Path(__file__))])}"
    if folder.exists():
        return folder
    with tempfile.TemporaryDirectory(dir=BUILD) as scratch:
        target = Path(scratch) / "packages"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--no-deps"]
        command += ["--disable-pip-version-check", "--only-binary=:all:"]
        command += ["--platform", "manylinux2014_x86_64", "--target", str(target)]
        result = subprocess.run(
            [*command, "-r", str(REQUIREMENTS)], capture_output=True, text=True, check=False
        )
        if result.returncode != 0:
            raise InfraError(
                "The packages in requirements.txt could not be fetched; is there a network? "
                f"pip says: {_last_line(result.stderr)}"
            )
        for path in [path for path in target.rglob("*") if path.is_file()]:
            if not _wanted(path.relative_to(target)):
                path.unlink()
        _compile(target)
        target.replace(folder)
    return folder


def _wanted(path: Path) -> bool:
    parts = path.parts
    if _SKIPPED_FOLDERS & set(parts) or path.name in _SKIPPED_FILES:
        return False
    if parts[0].endswith(".dist-info"):
        return path.name == "METADATA"
    if parts[:2] in (("botocore", "data"), ("boto3", "data")):
        return path.parent.name == "data" or parts[2] in _SERVICES
    return True


def _run_chalice(stage: str, scratch: Path) -> None:
    """Run `chalice package` into scratch/out, on a copy of the app, for it leaves files there."""
    project = scratch / "project"
    ignored = shutil.ignore_patterns("__pycache__", "deployed", "deployments")
    shutil.copytree(ROOT / ".chalice", project / ".chalice", ignore=ignored)
    shutil.copytree(ROOT / "chalicelib", project / "chalicelib", ignore=ignored)
    shutil.copy(ROOT / "app.py", project)
    command = ["--project-dir", str(project), "package", "--stage", stage]
    command += ["--pkg-format", "cloudformation", "--merge-template", str(TEMPLATE)]
    result = subprocess.run(
        [sys.executable, "-c", _CHALICE, *command, scratch / "out"],
        # Chalice wants a region, of which nothing that it makes depends.
        env={"AWS_DEFAULT_REGION": "us-east-1"} | os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise InfraError(f"The app could not be packaged: {_last_line(result.stderr)}")


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2] or "(nothing)"


def _compile(folder: Path) -> None:
    """Compile the modules: Lambda can't keep what it compiles, so every cold start would again."""
    for source in folder.rglob("*.py"):
        py_compile.compile(
            str(source),
            dfile=str(source.relative_to(folder)),
            doraise=True,
            # Neither a time nor a hash is compared: what is deployed doesn't change.
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )


def _write_zip(target: Path, folders: list[Path]) -> None:
    files = {
        str(path.relative_to(folder)): path
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file()
    }
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, _ZIP_TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, files[name].read_bytes())


def _template(path: Path) -> dict[str, Any]:
    template: dict[str, Any] = yaml.safe_load(path.read_text())
    del template["Outputs"]["EndpointURL"]  # ApiUrl is the one that is right on the local cloud too
    definition = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    allow = ", ".join(sorted(set(_methods(definition))))
    definition["x-amazon-apigateway-gateway-responses"] = gateway_responses(allow)
    return template


def _methods(definition: dict[str, Any]) -> Iterator[str]:
    for operations in definition["paths"].values():
        yield from (method.upper() for method in operations)


if __name__ == "__main__":
    # For cfn-lint: the template as it is deployed, but for CodeUri.
    print(json.dumps(package("local").template))
