"""The zip holds all that the app needs: what is installed here can't be what makes it work."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from app import app
from infra.packaging import Artefact, package

# Nothing but the standard library and the zip's folder can be imported. A client of each service
# that the app calls is made too: their descriptions are what packaging leaves out of the others.
_SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
import app, boto3
for service in ("cognito-idp", "dynamodb", "s3", "sts"):
    boto3.client(service, region_name="eu-central-1")
print(len(app.app.routes), boto3.__file__)
"""


@pytest.fixture(scope="module")
def artefact() -> Artefact:
    return package("test")


def test_app_can_be_imported_from_the_zip_alone(artefact: Artefact, tmp_path: Path) -> None:
    with zipfile.ZipFile(artefact.archive) as archive:
        archive.extractall(tmp_path)
    environment = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", "-c", _SCRIPT, tmp_path],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    routes, boto3 = result.stdout.split()
    assert int(routes) == len(app.routes)
    assert Path(boto3).is_relative_to(tmp_path)


def test_zip_is_small_and_holds_nothing_that_lambda_has_no_use_for(artefact: Artefact) -> None:
    with zipfile.ZipFile(artefact.archive) as archive:
        names = archive.namelist()
    assert artefact.archive.stat().st_size < 5_000_000
    assert not [name for name in names if name.startswith(("infra/", "tests/", ".chalice"))]


def test_template_fits_what_cloudformation_takes(artefact: Artefact) -> None:
    assert (artefact.archive.parent / "template.json").stat().st_size < 1_000_000
