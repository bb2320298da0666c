from typing_extensions import disjoint_base

from netos.proto.routes import RouteTable

@disjoint_base
class RadixRoutes(RouteTable): ...
