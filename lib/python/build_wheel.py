"""The build backend of the Python package: a wheel is a zip file of the package, its metadata and a list of both.

pip calls build_wheel, build_editable and build_sdist (PEP 517 and 660). The same sources give the same bytes.
"""

import base64
import hashlib
import io
import pathlib
import re
import tarfile
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
VERSION = re.search(r'^VERSION = "([^"]+)"', (HERE / "segreg" / "_native.py").read_text(), re.M)[1]
NAME = f"segreg-{VERSION}"
SOURCES = ["pyproject.toml", "METADATA.in", "build_wheel.py", "segreg-python.7"]


def package_files():
    """Names and bytes of what is installed as the package."""
    paths = sorted([*HERE.glob("segreg/*.py"), HERE / "segreg" / "py.typed"])
    return [(path.relative_to(HERE).as_posix(), path.read_bytes()) for path in paths]


def metadata():
    """The text of the file METADATA."""
    return (HERE / "METADATA.in").read_text().replace("@VERSION@", VERSION).encode()


def write_wheel(directory, files):
    """Write a wheel with files into directory; its name."""
    tag = "Wheel-Version: 1.0\nGenerator: segreg\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    info = f"{NAME}.dist-info"
    files = [*files, (f"{info}/METADATA", metadata()), (f"{info}/WHEEL", tag.encode())]
    record = ""
    for name, contents in files:
        digest = base64.urlsafe_b64encode(hashlib.sha256(contents).digest()).rstrip(b"=").decode()
        record += f"{name},sha256={digest},{len(contents)}\n"
    record += f"{info}/RECORD,,\n"
    wheel = f"{NAME}-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(directory, wheel), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, contents in [*files, (f"{info}/RECORD", record.encode())]:
            entry = zipfile.ZipInfo(name)  # of 1980, for the same bytes each time
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, contents, zipfile.ZIP_DEFLATED)
    return wheel


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    """What pip install and pip wheel call."""
    return write_wheel(wheel_directory, package_files())


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    """What pip install --editable calls: a wheel that points here."""
    return write_wheel(wheel_directory, [("segreg.pth", f"{HERE}\n".encode())])


def build_sdist(sdist_directory, config_settings=None):
    """What a build of a source archive calls."""
    files = [(name, (HERE / name).read_bytes()) for name in SOURCES] + package_files() + [("PKG-INFO", metadata())]
    with tarfile.open(pathlib.Path(sdist_directory, f"{NAME}.tar.gz"), "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for name, contents in files:
            entry = tarfile.TarInfo(f"{NAME}/{name}")
            entry.size = len(contents)
            archive.addfile(entry, io.BytesIO(contents))
    return f"{NAME}.tar.gz"
