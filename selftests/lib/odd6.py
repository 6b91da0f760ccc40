#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
Odd packets of IPv6, made by scapy, and what a host answers to each: a line for each of them.

Usage: odd6.py DEVICE SOURCE-MAC DESTINATION-MAC SOURCE DESTINATION

Behind each packet goes an echo request like any other. A host answers in order, so what comes before the reply to that is
the answer to the odd packet, and nobody has to wait for an answer that does not come.
"""

import logging
import sys

logging.getLogger("scapy").setLevel(logging.ERROR)
# pylint: disable=wrong-import-position
from scapy.config import conf  # noqa: E402
from scapy.layers.inet import TCP, UDP  # noqa: E402
from scapy.layers.inet6 import (  # noqa: E402
    ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6MLQuery, ICMPv6MLQuery2, ICMPv6ND_NA, ICMPv6ND_NS,
    ICMPv6ND_RA, ICMPv6ND_Redirect, ICMPv6ND_RS, ICMPv6PacketTooBig, ICMPv6ParamProblem, ICMPv6TimeExceeded, ICMPv6Unknown,
    IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, HBHOptUnknown, Jumbo, PadN,
    RouterAlert)
from scapy.layers.l2 import Ether  # noqa: E402
from scapy.packet import Raw  # noqa: E402

device, source_mac, destination_mac, source, destination = sys.argv[1:]
socket = conf.L2socket(iface=device)

NEXT_ICMPV6 = 58
# What a host sends when it is its time: solicitations and reports.
AT_ANY_TIME = (135, 143)
SENTINEL = 0x5e47


def ip(**fields):
    return IPv6(**{"src": source, "dst": destination, **fields})


def echo(data=b"odd", **fields):
    return ICMPv6EchoRequest(id=1, seq=2, data=data, **fields)


def message(kind, code=0, body=b"\0\0\0\0odd"):
    """A message with the right checksum, whatever its type."""
    return ICMPv6Unknown(type=kind, code=code, msgbody=body)


def cases():
    for size in (0, 1, 7, 8, 1000, 1400, 1452):
        yield f"echo of {size} bytes", ip() / echo(bytes(size))
    for code in (1, 255):
        yield f"echo with code {code}", ip() / echo(code=code)
    for checksum in (0, 1, 0xffff):
        yield f"echo with checksum {checksum:#x}", ip() / echo(cksum=checksum)
    for limit in (0, 1, 255):
        yield f"echo with hop limit {limit}", ip(hlim=limit) / echo()
    yield "echo with traffic class and flow label", ip(tc=0xb9, fl=0x54321) / echo()
    for kind in (0, 5, 99, 100, 101, 126, 127, 129, 138, 139, 141, 144, 145, 146, 147, 150, 155, 160, 161, 200, 201, 255):
        yield f"type {kind}", ip() / message(kind)
        yield f"type {kind} without a body", ip() / message(kind, body=b"")
    for size in range(8):
        yield f"{size} bytes of an echo request", ip(nh=NEXT_ICMPV6) / Raw(bytes([128, 0, 0, 0, 0, 1, 0, 2])[:size])

    inner = IPv6(src=destination, dst=source) / ICMPv6EchoRequest(id=9, seq=9)
    for name, error in (("unreachable", ICMPv6DestUnreach), ("too big", ICMPv6PacketTooBig),
                        ("expired", ICMPv6TimeExceeded), ("problem", ICMPv6ParamProblem)):
        yield f"{name} about a request", ip() / error() / inner
        yield f"{name} about nothing", ip() / error()
        for size in (1, 8, 39, 40, 41, 47):
            yield f"{name} about {size} bytes", ip() / error() / Raw(bytes(inner)[:size])
        yield f"{name} about an error", ip() / error() / IPv6(src=destination, dst=source) / ICMPv6DestUnreach()
        yield f"{name} with code 255", ip() / error(code=255) / inner
    for mtu in (0, 1, 68, 1279, 1280, 1500, 0xffffffff):
        yield f"too big, {mtu}", ip() / ICMPv6PacketTooBig(mtu=mtu) / inner

    for header in (IPv6ExtHdrHopByHop, IPv6ExtHdrDestOpt):
        name = "hop-by-hop" if header is IPv6ExtHdrHopByHop else "destination"
        yield f"{name}, padding", ip() / header(options=[PadN(optdata=bytes(4))]) / echo()
        yield f"{name}, router alert", ip() / header(options=[RouterAlert()]) / echo()
        yield f"{name}, jumbo", ip() / header(options=[Jumbo(jumboplen=70000)]) / echo()
        yield f"{name}, twice", ip() / header(options=[PadN(optdata=bytes(4))]) / header(
            options=[PadN(optdata=bytes(4))]) / echo()
        yield f"{name}, filled padding", ip() / header(options=[PadN(optdata=b"abcd")]) / echo()
        for kind in (0x1f, 0x3e, 0x5f, 0x7e, 0x9f, 0xbe, 0xdf, 0xfe):
            yield f"{name}, option {kind:#x}", ip() / header(options=[HBHOptUnknown(otype=kind, optdata=bytes(4))]) / echo()
            yield f"{name}, option {kind:#x}, to all", ip(dst="ff02::1") / header(
                options=[HBHOptUnknown(otype=kind, optdata=bytes(4))]) / echo()
        yield f"{name}, longer than the packet", ip() / header(len=200) / echo()
    for kind in (0, 2, 3, 4, 253):
        for left in (0, 1, 255):
            yield f"routing header {kind}, {left} left", ip() / IPv6ExtHdrRouting(
                type=kind, segleft=left, addresses=["fd00::7"]) / echo()

    yield "atomic fragment", ip() / IPv6ExtHdrFragment(id=1, m=0, offset=0) / echo()
    yield "first fragment of a wrong length", ip() / IPv6ExtHdrFragment(id=2, m=1, offset=0) / echo(bytes(9))
    yield "fragment beyond the end", ip() / IPv6ExtHdrFragment(id=3, m=0, offset=8190) / Raw(bytes(64))
    yield "fragment in a fragment", ip() / IPv6ExtHdrFragment(id=4) / IPv6ExtHdrFragment(id=5) / echo()
    yield "first fragment without a message", ip() / IPv6ExtHdrFragment(id=6, m=1, offset=0, nh=60) / Raw(bytes(8))
    yield "last fragment alone", ip() / IPv6ExtHdrFragment(id=7, m=0, offset=10) / Raw(bytes(8))

    for protocol in (59, 41, 47, 50, 51, 89, 103, 132, 135, 139, 140, 200, 253, 255):
        yield f"protocol {protocol}", ip(nh=protocol) / Raw(bytes(16))
    yield "payload length 0", ip(plen=0) / echo()
    yield "payload length too small", ip(plen=9) / echo(bytes(32))
    yield "payload length too large", ip(plen=999) / echo()
    yield "version 4", ip(version=4) / echo()
    yield "version 15", ip(version=15) / echo()

    for address in ("::", "::1", "ff02::1", "::ffff:10.0.0.1", "fe80::99", destination):
        yield f"from {address}", ip(src=address) / echo()
        yield f"from {address}, closed port", ip(src=address) / UDP(sport=9, dport=9)
    for address in ("ff01::1", "ff02::1", "ff02::2", "ff02::1:ff00:2", "ff02::1:ff00:9", "ff05::1", "ff0e::1", "::1", "::"):
        yield f"to {address}", ip(dst=address) / echo()
        yield f"to {address}, closed port", ip(dst=address) / UDP(sport=9, dport=9)
    yield "closed port", ip() / UDP(sport=9, dport=9) / Raw(b"odd")
    yield "closed port, no checksum", ip() / UDP(sport=9, dport=9, chksum=0) / Raw(b"odd")
    yield "closed port, wrong checksum", ip() / UDP(sport=9, dport=9, chksum=1) / Raw(b"odd")
    yield "closed port, wrong length", ip() / UDP(sport=9, dport=9, len=4) / Raw(b"odd")
    yield "half of UDP's header", ip(nh=17) / Raw(bytes(4))
    yield "closed port of TCP", ip() / TCP(sport=9, dport=9, seq=1)

    for limit in (255, 254):
        yield f"solicitation, hop limit {limit}", ip(hlim=limit) / ICMPv6ND_NS(tgt=destination)
        yield f"solicitation of another, hop limit {limit}", ip(hlim=limit) / ICMPv6ND_NS(tgt="fd00::9")
        yield f"advertisement, hop limit {limit}", ip(hlim=limit) / ICMPv6ND_NA(tgt=source)
        yield f"router solicitation, hop limit {limit}", ip(hlim=limit) / ICMPv6ND_RS()
        yield f"router advertisement, hop limit {limit}", ip(hlim=limit, src="fe80::99") / ICMPv6ND_RA()
        yield f"redirect, hop limit {limit}", ip(hlim=limit, src="fe80::99") / ICMPv6ND_Redirect(tgt="fe80::98", dst="fd09::1")
    yield "cut solicitation", ip(hlim=255) / message(135, body=bytes(10))
    yield "solicitation of a group", ip(hlim=255) / ICMPv6ND_NS(tgt="ff02::1")
    yield "query of MLD, not from a link", ip(hlim=1) / ICMPv6MLQuery()
    yield "query of MLDv2 with hop limit 2", ip(hlim=2, src="fe80::99") / ICMPv6MLQuery2()


def told(frame):
    """What one answer is, without what differs from one to the next: flow labels and identifications."""
    packet = frame[IPv6]
    if packet.nh == 44 and IPv6ExtHdrFragment in packet:
        packet[IPv6ExtHdrFragment].id = 0
    packet.fl = 0
    return bytes(packet).hex()


def kind_at(frame):
    """Where the type of a message is; a report has a hop-by-hop header of eight bytes before it."""
    return 48 if frame[IPv6].nh == 0 else 40


def sentinel(number):
    return bytes(Ether(src=source_mac, dst=destination_mac) / ip() / ICMPv6EchoRequest(id=SENTINEL, seq=number))


def answers(number, packet):
    socket.send(bytes(Ether(src=source_mac, dst=destination_mac) / packet))
    socket.send(sentinel(number))
    found = []
    while True:
        frame = socket.recv()
        if frame is None or frame.src != destination_mac or IPv6 not in frame:
            continue
        if ICMPv6EchoReply in frame and frame[ICMPv6EchoReply].id == SENTINEL:
            if frame[ICMPv6EchoReply].seq == number:
                return found
            continue
        if bytes(frame[IPv6])[kind_at(frame)] not in AT_ANY_TIME:
            found.append(told(frame))


for index, (what, odd) in enumerate(cases(), 1):
    print(f"{what}: {' '.join(answers(index, odd))}", flush=True)
