"""From a request to an operation of an account, judged by the document on the way."""

import json
from dataclasses import dataclass

from tests.upstreams.account import Account
from tests.upstreams.dialect import Dialect
from tests.upstreams.document import Document, Json, Operation, Refusal, Violation
from tests.upstreams.form import Part, parts_of
from tests.upstreams.stored import StoredFile
from tests.upstreams.uploads import UploadedFile
from tests.upstreams.uploads import body as uploaded


@dataclass
class Request:
    """A request that came: as it was, and how it was answered."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body_size: int
    chunked: bool
    operation: str | None = None
    container_id: str | None = None
    json: Json | None = None
    filename: bytes | None = None  # the file part's, as it came over the wire
    file_type: bytes | None = None
    status: int = 0


class Operations:
    """The operations of one account."""

    def __init__(self, account: Account, dialect: Dialect) -> None:
        self._account = account
        self._dialect = dialect
        self._document = Document(domain_secrets=dialect.takes_domain_secrets)

    def perform(self, request: Request, body: bytes) -> Json | StoredFile | UploadedFile:
        """Do what is asked for; a file stands for its content. Raises Refusal."""
        operation, ids = self._match(request)
        request.operation, request.container_id = operation.name, ids.get("container_id")
        query = [(k, v) for k, v in request.query if k not in self._dialect.other_parameters]
        values = self._document.check_query(operation, query)
        if body and not operation.bodies:
            raise Violation(400, f"{operation.name} takes no body.")
        if operation.name == "ListContainers":
            return self._account.list_containers(values)
        if operation.name == "CreateContainer":
            return self._account.create_container(self._read_json(operation, request, body))
        if operation.name == "CreateContainerFile":
            return self._create_file(operation, ids["container_id"], request, body)
        if operation.name == "createFile":
            return self._upload(operation, request, body)
        if "container_id" not in ids:
            return self._perform_on_uploads(operation.name, values, **ids)
        return self._perform(operation.name, values, **ids)

    def complaint(self, name: str, answer: Json, *, lenient: bool) -> str | None:
        """Return what the document has against an answer."""
        return self._document.complaint(name, answer, lenient=lenient)

    def error_complaint(self, answer: Json) -> str | None:
        """Return what the document has against an error."""
        return self._document.error_complaint(answer)

    def _match(self, request: Request) -> tuple[Operation, dict[str, str]]:
        path = request.path.removeprefix(self._dialect.base_path)
        if path == request.path or {".", ".."} & set(path.split("/")):
            message = f"Invalid URL ({request.method} {request.path})"
            raise Violation(404, message, code="unknown_url")
        return self._document.match(request.method, path)

    def _perform(
        self, name: str, query: Json, container_id: str, file_id: str = ""
    ) -> Json | StoredFile:
        account = self._account
        match name:
            case "RetrieveContainer":
                return account.retrieve_container(container_id)
            case "DeleteContainer":
                return account.delete_container(container_id)
            case "ListContainerFiles":
                return account.list_files(container_id, query)
            case "RetrieveContainerFile":
                return account.file(account.find_file(container_id, file_id))
            case "DeleteContainerFile":
                return account.delete_file(container_id, file_id)
            case "RetrieveContainerFileContent":
                return account.find_file(container_id, file_id)
            case _:
                raise AssertionError(f"The document has an operation the fake has not: {name}")

    def _perform_on_uploads(self, name: str, query: Json, file_id: str = "") -> Json | UploadedFile:
        uploads = self._account.uploads
        match name:
            case "listFiles":
                return self._account.list_uploads(query)
            case "retrieveFile":
                return uploaded(uploads.find(file_id))
            case "deleteFile":
                return uploads.delete(file_id)
            case "downloadFile":
                return uploads.find(file_id)
            case _:
                raise AssertionError(f"The document has an operation the fake has not: {name}")

    def _upload(self, operation: Operation, request: Request, body: bytes) -> Json:
        """Take an upload; `expires_after[seconds]` is how a form says `expires_after.seconds`."""
        parts = parts_of(request.headers.get("content-type", ""), body)
        spec: Json = {}
        for name, part in parts.items():
            outer, _, inner = name.removesuffix("]").partition("[")
            text = _shape(part)
            value: object = int(text) if inner == "seconds" and text.isdecimal() else text
            spec[outer] = {**spec.get(outer, {}), inner: value} if inner else value
        self._document.check_body(operation, _media_type(request), spec)
        sent = parts["file"]
        request.filename, request.file_type = sent.filename, sent.content_type
        file = self._account.uploads.create(sent.decoded_filename, sent.content, spec)
        file.sent_name = sent.filename
        return uploaded(file)

    def _create_file(
        self, operation: Operation, container_id: str, request: Request, body: bytes
    ) -> Json:
        parts: dict[str, Part] = {}
        if _media_type(request) == "multipart/form-data":
            parts = parts_of(request.headers["content-type"], body)
            spec: Json = {name: _shape(part) for name, part in parts.items()}
            self._document.check_body(operation, "multipart/form-data", spec)
        else:
            spec = self._read_json(operation, request, body)
        if spec.keys() not in ({"file"}, {"file_id"}):
            raise Refusal(400, "Provide either 'file' or 'file_id'.", param="file")
        if "file_id" in spec:
            return self._account.file(self._account.copy_file(container_id, spec["file_id"]))
        sent = parts["file"]
        request.filename, request.file_type = sent.filename, sent.content_type
        file = self._account.upload_file(container_id, sent.decoded_filename, sent.content)
        file.sent_name, file.sent_type = sent.filename, sent.content_type
        return self._account.file(file)

    def _read_json(self, operation: Operation, request: Request, body: bytes) -> Json:
        if _media_type(request) == "application/json":
            try:
                request.json = json.loads(body, parse_constant=_no_constant)
            except ValueError as exc:
                raise Violation(400, "We could not parse the JSON body of your request.") from exc
        self._document.check_body(operation, _media_type(request), request.json)
        return request.json or {}


def _media_type(request: Request) -> str | None:
    content_type = request.headers.get("content-type")
    return content_type and content_type.partition(";")[0].strip().lower()


def _shape(part: Part) -> str:
    """Return what stands for a part in the document's eyes. Raises Violation."""
    if (part.name == "file") != (part.filename is not None):
        wrong = "is no file" if part.name == "file" else "is a file"
        raise Violation(400, f"The part '{part.name}' {wrong}.", param=part.name)
    return "" if part.name == "file" else part.text


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON.")
