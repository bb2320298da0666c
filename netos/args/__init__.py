"""Argument conversion: the signature of `configure()` is an element's argument syntax, annotated with these types."""

from netos.addresses import EtherAddress, IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from netos.args.addresses import Ether, IPv4, IPv4List, IPv4Prefix, IPv4PrefixList, IPv6, IPv6Prefix
from netos.args.annotations import ANNOTATIONS, Annotation, AnnotationPlace
from netos.args.elements import ElementName, HandlerCall, HandlerReference
from netos.args.infos import define_addresses, define_annotation, define_ports
from netos.args.named import ICMPCode, ICMPType, NamedInteger, Port, Protocol, TCPOption
from netos.args.names import NameDatabase
from netos.args.numbers import (
    Bool,
    Byte,
    DecimalFixedPoint,
    FixedPoint,
    Integer,
    Integer64,
    Real,
    Unsigned,
    Unsigned16,
    Unsigned64,
)
from netos.args.scope import EMPTY_SCOPE, GraphScope, NotedElements, Scope
from netos.args.syntax import MANDATORY, Parameter, Syntax
from netos.args.text import Data, FileName, Keyword, ListOf, OneOf, Raw, Remaining, Text, Word
from netos.args.types import PLAIN, Alias, ArgumentType, Deprecated, Repeated, argument_type
from netos.args.units import Bandwidth, Rate, Seconds, Timestamp
from netos.errors import ArgumentErrors

__all__ = [
    "ANNOTATIONS", "EMPTY_SCOPE", "MANDATORY", "Alias", "Annotation", "AnnotationPlace", "ArgumentErrors",
    "ArgumentType", "Bandwidth", "Bool", "Byte", "Data", "DecimalFixedPoint", "Deprecated", "ElementName", "Ether",
    "FileName", "FixedPoint", "GraphScope", "HandlerCall", "HandlerReference", "ICMPCode", "ICMPType", "IPv4",
    "IPv4List", "IPv4Prefix", "IPv4PrefixList", "IPv6", "IPv6Prefix", "Integer", "Integer64", "Keyword", "ListOf",
    "NameDatabase", "NamedInteger", "NotedElements", "OneOf", "Parameter", "Port", "Protocol", "Rate", "Raw", "Real",
    "Remaining", "Repeated", "Scope", "Seconds", "Syntax", "TCPOption", "Text", "Timestamp", "Unsigned", "Unsigned16",
    "Unsigned64", "Word", "argument_type", "define_addresses", "define_annotation", "define_ports",
]

PLAIN.update({
    bool: Bool, bytes: Data, float: Real, int: Integer64, str: Text, EtherAddress: Ether, IPv4Address: IPv4,
    IPv4Interface: IPv4Prefix, IPv6Address: IPv6, IPv6Interface: IPv6Prefix,
})
