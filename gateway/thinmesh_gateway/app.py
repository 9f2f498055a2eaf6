"""The gateway, built: both surfaces in front of one router."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import MappingProxyType
from typing import Self

import grpc
from thinmesh.gateway.v1 import audit_service_pb2_grpc as audit_grpc
from thinmesh.gateway.v1 import key_service_pb2_grpc as key_grpc
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc
from thinmesh.job.v1 import file_service_pb2_grpc as file_grpc
from thinmesh.job.v1 import job_service_pb2_grpc as job_grpc
from thinmesh.model.v1 import model_service_pb2_grpc as model_grpc
from tritonclient.grpc import service_pb2_grpc as tensor_grpc

from thinmesh_core.app import App
from thinmesh_core.channel import Channels
from thinmesh_core.http import Asgi
from thinmesh_core.peers import EDGE, OPERATOR, WORKER
from thinmesh_gateway.access import AccessLog
from thinmesh_gateway.audit.log import AuditLog
from thinmesh_gateway.audit.service import AuditService
from thinmesh_gateway.audit.store import AuditStore
from thinmesh_gateway.auth import Authenticator
from thinmesh_gateway.behalf import OnBehalf
from thinmesh_gateway.config import GatewayConfig
from thinmesh_gateway.files import Files
from thinmesh_gateway.gate import Gate
from thinmesh_gateway.guardrails.pool import Pool
from thinmesh_gateway.idempotency.build import build as build_store
from thinmesh_gateway.idempotency.once import Once
from thinmesh_gateway.identity.guesses import Guesses
from thinmesh_gateway.identity.keyring import Keyring
from thinmesh_gateway.identity.service import KeyService
from thinmesh_gateway.inference import Inference
from thinmesh_gateway.inner import InnerApp
from thinmesh_gateway.jobs import Jobs
from thinmesh_gateway.keys import KeyStore
from thinmesh_gateway.media.fetcher import build as build_fetcher
from thinmesh_gateway.oidc.build import build as build_tokens
from thinmesh_gateway.oip.service import TensorService
from thinmesh_gateway.openai.routes import OpenAIRoutes
from thinmesh_gateway.openai.unserved import OpenAIService
from thinmesh_gateway.policies import Policies
from thinmesh_gateway.privacy.names.process import NamesProcess
from thinmesh_gateway.prompts.log import PromptsLog
from thinmesh_gateway.reception import Reception
from thinmesh_gateway.replies.kept import Kept
from thinmesh_gateway.rest import rest, routes
from thinmesh_gateway.roles import Roles
from thinmesh_gateway.service import GatewayService
from thinmesh_gateway.tensors import Tensors

FRONTS = frozenset({EDGE, WORKER, OPERATOR})


class GatewayApp(App):
    """Admits strangers. `rest` is what is served over HTTP; `register` adds what is over gRPC."""

    services = MappingProxyType(
        {
            "thinmesh.inference.v1.InferenceService": FRONTS,
            "thinmesh.model.v1.ModelService": FRONTS,
            "thinmesh.gateway.v1.KeyService": FRONTS,
            "thinmesh.job.v1.JobService": FRONTS,
            "thinmesh.job.v1.FileService": FRONTS,
            "thinmesh.gateway.v1.AuditService": FRONTS,
            "inference.GRPCInferenceService": FRONTS,
        }
    )

    def __init__(self, config: GatewayConfig, channels: Channels) -> None:
        self._store = KeyStore(config.state, config.database)
        self._keyring = Keyring(self._store, config.state, config.keys_stale_seconds)
        self._tokens = build_tokens(config.oidc)
        self._authenticator = Authenticator(self._keyring, config.tenants, Roles(config.roles), self._tokens)
        self._audit = AuditLog(config.state, self._store.database)
        self._access = AccessLog(self._audit.add, on=config.log.access)
        self.interceptors = (Gate(self._authenticator, self._authenticator.guesses, self._access.add),)
        self._answers = build_store(config.idempotency, config.state)
        self._once = Once(self._answers, config.call_seconds)
        reception = Reception(self._once)
        router = channels(config.router)
        self._guardrails = Pool()
        self._prompts = PromptsLog(config.state)
        self._names = NamesProcess()
        policies = self._policies(config)
        if policies.names:
            self._names.want()
        self._inference = Inference(router, config.call_seconds, policies, build_fetcher(config.media))
        self._tensors = Tensors(router, config.call_seconds, policies)
        self._service = GatewayService(reception, self._inference)
        self._key_service = KeyService(reception, self._store, self._authenticator)
        self._audit_service = AuditService(reception, AuditStore(self._store.database))
        self._tensor_service = TensorService(reception, self._tensors)
        self._jobs: Jobs | None = None
        self._files: Files | None = None
        kept: Kept | None = None
        if config.jobs is not None:
            workers = channels(config.jobs)
            self._jobs = Jobs(reception, workers, self._authenticator, self._inference)
            self._jobs.overflow = frozenset(config.overflow)
            self._files = Files(reception, workers)
            kept = Kept(workers)
        self.inner = InnerApp(
            self,
            Gate(OnBehalf(self._authenticator, self._keyring), Guesses(), self._access.add),
            OpenAIService(reception, OpenAIRoutes(self._inference)),
        )
        known = routes(
            self._authenticator,
            self._access.add,
            self._inference,
            self._tensors,
            self._once,
            lambda: self.draining,
            self._jobs,
            self._files,
            kept,
        )
        self.rest: Asgi = rest(known)
        self._stack = AsyncExitStack()

    def register(self, server: grpc.aio.Server) -> None:
        """Adds its services."""
        inference_grpc.add_InferenceServiceServicer_to_server(self._service, server)
        model_grpc.add_ModelServiceServicer_to_server(self._service, server)
        key_grpc.add_KeyServiceServicer_to_server(self._key_service, server)
        audit_grpc.add_AuditServiceServicer_to_server(self._audit_service, server)
        tensor_grpc.add_GRPCInferenceServiceServicer_to_server(self._tensor_service, server)
        if self._jobs is not None:
            job_grpc.add_JobServiceServicer_to_server(self._jobs, server)
        if self._files is not None:
            file_grpc.add_FileServiceServicer_to_server(self._files, server)

    def problems(self) -> list[str]:
        """That it drains, or that it knows no key."""
        if self.draining:
            return ["draining"]
        return self._troubles() if self._keyring.empty else []

    def notes(self) -> list[str]:
        """What is wrong with keys, tokens, logs and names while it goes on all the same."""
        others = [trouble for trouble in (self._prompts.trouble, self._names.trouble) if trouble is not None]
        return [*([] if self._keyring.empty else self._troubles()), *self._audit.troubles(), *others]

    def _troubles(self) -> list[str]:
        found = [self._keyring.trouble, None if self._tokens is None else self._tokens.signers.trouble]
        return [trouble for trouble in found if trouble is not None]

    def prepared(self, config: GatewayConfig) -> Callable[[], None]:
        """What puts other tenants, roles, policies and limits in force. ConfigError where a policy can't be served."""
        policies, media, roles = self._policies(config), build_fetcher(config.media), Roles(config.roles)

        def apply() -> None:
            if policies.names:
                self._names.want()
            self._inference.policies = self._tensors.policies = policies
            self._inference.media = media
            self._authenticator.know(config.tenants, roles)
            if self._jobs is not None:
                self._jobs.overflow = frozenset(config.overflow)
            self._access.on = config.log.access
            self._keyring.stale_seconds = config.keys_stale_seconds
            self._inference.call_seconds = self._tensors.call_seconds = self._once.call_seconds = config.call_seconds

        return apply

    def apply(self, config: GatewayConfig) -> None:
        """Puts them in force; ConfigError where a policy can't be served, and nothing is changed then."""
        self.prepared(config)()

    async def __aenter__(self) -> Self:
        """Reads the keys, and starts to follow them and to write the logs."""
        self._stack.push_async_callback(self._answers.aclose)
        self._stack.callback(self._store.close)
        self._stack.push_async_callback(asyncio.to_thread, self._audit.close)
        self._stack.push_async_callback(asyncio.to_thread, self._access.write)
        self._stack.push_async_callback(self._prompts.aclose)
        self._stack.callback(self._guardrails.close)
        await asyncio.to_thread(self._keyring.refresh)
        tasks = await self._stack.enter_async_context(asyncio.TaskGroup())
        followed = [
            self._keyring.follow(),
            self._answers.follow(),
            self._audit.follow(),
            self._access.follow(),
            self._prompts.follow(),
            self._names.follow(),
        ]
        if self._tokens is not None:
            followed.append(self._tokens.signers.follow())
        for following in followed:
            self._stack.callback(tasks.create_task(following).cancel)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Stops following the keys, and ends the logs."""
        await self._stack.aclose()

    def _policies(self, config: GatewayConfig) -> Policies:
        return Policies(config.tenants, self._guardrails, self._prompts.take, self._names.find)


def build(config: GatewayConfig, channels: Channels) -> GatewayApp:
    """The gateway of a configuration."""
    return GatewayApp(config, channels)
