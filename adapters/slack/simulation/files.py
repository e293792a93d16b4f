"""Files: sent by people, downloaded and uploaded by apps.

https://docs.slack.dev/messaging/working-with-files
"""

from __future__ import annotations

import mimetypes
import re
import uuid
from typing import Any
from urllib.parse import quote

from adapters.slack.simulation.access import Access, Method, required, root_of
from adapters.slack.simulation.errors import ApiError, invalid
from adapters.slack.simulation.faults import Answer
from adapters.slack.simulation.model import App, JsonObject, Message, StoredFile
from adapters.slack.simulation.shapes import file_of
from adapters.slack.simulation.world import World

MAX_UPLOAD = 1_000_000_000
LOGIN_PAGE = b"<!DOCTYPE html><html><head><title>Sign in to Slack</title></head></html>"
OCTETS = "application/octet-stream"
_CHANNEL = re.compile(r"[CDGZ]")


class Files:
    """What an app can do to files. `base_url` is where the simulator is."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._world = access.world
        self._uploads: dict[str, StoredFile] = {}
        self.base_url = ""
        self.table: dict[str, Method] = {
            "files.completeUploadExternal": self._complete,
            "files.getUploadURLExternal": self._upload_url,
            "files.info": self._info,
        }

    def upload(self, ticket: str, content: bytes) -> Answer:
        """Take what is posted to an upload's address."""
        file = self._uploads.get(ticket)
        if file is None:
            return Answer(body=b"not found", status=404, media_type="text/plain")
        if len(content) != file.length:
            return Answer(body=b"wrong length", status=400, media_type="text/plain")
        file.content = content
        return Answer(body=f"OK - {len(content)}".encode(), media_type="text/plain")

    def download(self, app: App | None, file_id: str) -> Answer:
        """A file's content; without the right to it, the way to the page to sign in."""
        file = self._world.files.get(file_id)
        if app is None or file is None or "files:read" not in app.scopes:
            return Answer(
                body=b"",
                status=302,
                media_type="text/html",
                headers={"Location": f"{self.base_url}/login?redir={file_id}"},
            )
        return Answer(body=file.content, media_type=file.media_type)

    def _upload_url(self, app: App, given: JsonObject) -> JsonObject:
        name, length = required(given, "filename"), required(given, "length")
        if not isinstance(length, int) or length < 1:
            raise invalid("invalid_arguments", "length: must be a positive integer")
        if length > MAX_UPLOAD:
            raise ApiError("file_upload_size_restricted")
        media_type = mimetypes.guess_type(str(name))[0] or OCTETS
        file = StoredFile(
            id=self._world.new_id("F"),
            name=str(name),
            media_type=media_type,
            length=length,
            app_id=app.id,
            shared=False,
        )
        ticket = uuid.uuid4().hex
        self._uploads[ticket] = file
        return {"upload_url": f"{self.base_url}/upload/v1/{ticket}", "file_id": file.id}

    def _complete(self, app: App, given: JsonObject) -> JsonObject:
        files = [self._uploaded(app, each) for each in self._named(given)]
        ids = [given.get("channel_id"), *str(given.get("channels") or "").split(",")]
        for id in filter(None, ids):
            if not _CHANNEL.match(id):
                # https://github.com/slackapi/bolt-js/issues/2115
                raise invalid("invalid_arguments", f"input must match regex pattern: {id}")
            channel = self._access.writable(app, id)
            thread = given.get("thread_ts")
            message = Message(
                channel=channel,
                ts=self._world.timestamp(),
                at=self._world.clock(),
                user=app.user_id,
                app=app,
                text=str(given.get("initial_comment") or ""),
                subtype="file_share",
                thread_ts=root_of(channel, thread, "channel_not_found") if thread else None,
                files=files,
            )
            message.accepted = (message.text, [file.content for file in files])
            for file in files:
                add_file(self._world, self.base_url, file)
            self._world.post(message)
        # What became of it in the channel, its `ts` too, is not known yet when Slack answers.
        return {"files": [{"id": file.id, "title": file.title or file.name} for file in files]}

    def _named(self, given: JsonObject) -> list[Any]:
        files = required(given, "files")
        if not isinstance(files, list) or not all(isinstance(each, dict) for each in files):
            raise invalid("invalid_arguments", "files: must be a list of objects")
        return files

    def _uploaded(self, app: App, named: JsonObject) -> StoredFile:
        for file in self._uploads.values():
            if file.id == named.get("id") and file.app_id == app.id and not file.shared:
                if len(file.content) != file.length:
                    raise ApiError("file_update_failed")
                file.shared = True
                file.title = str(named.get("title") or "")
                return file
        raise ApiError("file_not_found")

    def _info(self, app: App, given: JsonObject) -> JsonObject:
        file = self._world.files.get(str(required(given, "file")))
        if file is None:
            raise ApiError("file_not_found")
        return {"file": file_of(file)}


def add_file(world: World, base_url: str, file: StoredFile) -> StoredFile:
    """Keep a file, where apps find it."""
    team = next(iter(world.apps.values())).team
    name = quote(file.name.lower().replace(" ", "_"), safe="")
    file.fields |= {
        "url_private": f"{base_url}/files-pri/{team}-{file.id}/{name}",
        "url_private_download": f"{base_url}/files-pri/{team}-{file.id}/download/{name}",
    }
    world.files[file.id] = file
    return file
