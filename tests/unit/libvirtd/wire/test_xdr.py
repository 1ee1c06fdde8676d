"""The codec agrees with an independent implementation, and accepts what libvirtd accepts."""

from __future__ import annotations

import uuid

import testtools
from hypothesis import given, settings
from hypothesis import strategies as st
from testtools.matchers import Equals, raises

from tests.unit.libvirtd.wire import reference
from vpmem_harness.libvirtd import values
from vpmem_harness.libvirtd.wire import shapes, xdr
from vpmem_harness.libvirtd.wire.procedures import BY_NAME, named_shapes

_SHAPED = sorted((p for p in BY_NAME.values() if p.shaped), key=lambda p: (p.program, p.number))
_SHAPES = sorted({shape for p in _SHAPED for shape in (p.arguments, p.results)}, key=repr)


def codec(text: str) -> xdr.Codec:
    return xdr.compile_type(shapes.read_fields(text, named_shapes()))


class ReferenceTest(testtools.TestCase):

    @settings(deadline=None, max_examples=300)
    @given(st.data())
    def test_every_shape_encodes_as_xdrlib_does(self, data):
        """Values of every shape encode to the bytes of an independent encoder."""
        shape = data.draw(st.sampled_from(_SHAPES))
        value = data.draw(reference.fitting(shape))
        self.assertEqual(reference.encode(shape, value), xdr.compile_type(shape).encode(value))

    @settings(deadline=None, max_examples=300)
    @given(st.data())
    def test_every_shape_decodes_what_xdrlib_writes(self, data):
        """Bytes of an independent encoder decode to the original value."""
        shape = data.draw(st.sampled_from(_SHAPES))
        value = data.draw(reference.fitting(shape))
        self.assertEqual(value, xdr.compile_type(shape).decode(reference.encode(shape, value)))


class FuzzTest(testtools.TestCase):

    def assertCanonical(self, shape, message):
        """Check that a message is refused, or that its value has one encoding and is kept by it."""
        both = xdr.compile_type(shape)
        try:
            value = both.decode(message)
        except xdr.XDRError:
            return
        wire = both.encode(value)
        self.assertEqual(wire, both.encode(both.decode(wire)))
        self.assertEqual(repr(value), repr(both.decode(wire)))      # NaN is not equal to itself

    @settings(deadline=None, max_examples=500)
    @given(st.sampled_from(_SHAPES), st.binary(max_size=200))
    def test_noise_raises_one_error_or_has_a_canonical_encoding(self, shape, noise):
        """No input raises anything but XDRError, and what decodes has a canonical encoding."""
        self.assertCanonical(shape, noise)

    @settings(deadline=None, max_examples=300)
    @given(st.data())
    def test_a_damaged_message_raises_one_error_or_has_a_canonical_encoding(self, data):
        """The same holds for valid messages with one changed byte."""
        shape = data.draw(st.sampled_from(_SHAPES))
        message = bytearray(reference.encode(shape, data.draw(reference.fitting(shape))))
        if message:
            message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
        self.assertCanonical(shape, bytes(message))

    @settings(deadline=None, max_examples=300)
    @given(st.data(), st.binary(max_size=20))
    def test_bytes_after_the_value_do_not_change_it(self, data, rest):
        """A message with bytes after the value encodes to the message without them."""
        shape = data.draw(st.sampled_from(_SHAPES))
        wire = reference.encode(shape, data.draw(reference.fitting(shape)))
        both = xdr.compile_type(shape)
        self.assertEqual(wire, both.encode(both.decode(wire + rest)))


class ValueTest(testtools.TestCase):

    def test_an_object_is_a_handle(self):
        """An object with the attributes of a handle encodes as the handle does."""
        class Domain:
            name = 'one'
            uuid = uuid.UUID(int=7)
            id = 3

        shape = codec('dom:domain')
        self.assertEqual(
            shape.encode((values.DomainHandle('one', Domain.uuid.bytes, 3),)),
            shape.encode((Domain(),)))

    def test_a_uuid_may_be_a_string(self):
        """A UUID encodes from bytes, from an object and from a string."""
        number = uuid.UUID(int=99)
        shape = codec('uuid:uuid')
        self.assertEqual([number.bytes] * 3, [
            shape.encode((form,)) for form in (number.bytes, number, str(number))])

    def test_a_handle_decodes_to_its_type(self):
        """A domain on the wire becomes a DomainHandle."""
        domain = values.DomainHandle('one', bytes(16), -1)
        shape = codec('dom:domain flags:uint')
        (decoded, flags) = shape.decode(shape.encode((domain, 1)))
        self.assertIsInstance(decoded, values.DomainHandle)
        self.assertEqual((domain, 1), (decoded, flags))

    def test_bytes_that_are_no_text_survive(self):
        """A string that is not UTF-8 decodes and encodes to the same bytes."""
        wire = codec('data:opaque[10]').encode((b'\xff\xfe',))
        shape = codec('name:string')
        self.assertEqual(wire, shape.encode(shape.decode(wire)))

    def test_a_c_string_has_its_end(self):
        """Text in ``char<N>`` ends with the NUL that libvirt's client expects."""
        shape = codec('model:chars[10]')
        self.assertEqual(b'\0\0\0\3\0\0\0o\0\0\0k\0\0\0\0', shape.encode(('ok',)))
        self.assertEqual(('',), shape.decode(shape.encode(('',))))
        self.assertEqual(('o',), shape.decode(b'\0\0\0\1\0\0\0o'))


class LimitTest(testtools.TestCase):

    def refused(self, text, value):
        self.assertRaises(xdr.XDRError, codec(text).encode, value)

    def test_a_list_that_is_too_long(self):
        """A list has at most as many items as libvirt allows, in both directions."""
        shape = codec('names:string[2]')
        wire = codec('names:string[3]').encode((['a', 'b', 'c'],))
        self.assertRaises(xdr.XDRError, shape.decode, wire)
        self.refused('names:string[2]', (['a', 'b', 'c'],))

    def test_a_string_that_is_too_long(self):
        """A string has at most 4 MiB."""
        self.refused('xml:string', ('x' * (xdr.STRING_MAX + 1),))
        self.assertEqual(4 + xdr.STRING_MAX, len(codec('xml:string').encode(
            ('x' * xdr.STRING_MAX,))))

    def test_values_that_do_not_fit(self):
        """A value of a wrong type, range or number raises XDRError."""
        for text, value in (('flags:uint', (-1,)), ('flags:uint', ('1',)), ('xml:string', (b'x',)),
                            ('xml:string', (None,)), ('a:int b:int', (1,)), ('a:int', (1, 2)),
                            ('state:uchar', (256,)), ('uuid:uuid', (b'short',)),
                            ('uuid:uuid', ('short',)), ('dom:domain', (object(),)),
                            ('params:typed_param[2]', ([('a', 99, 1)],)), ('l:int[2]', (7,)),
                            ('l:domain[2]', ([None],))):
            self.refused(text, value)



class OddTest(testtools.TestCase):
    """Bytes that no encoder of XDR writes."""

    def test_odd_bytes_decode_as_in_libvirtd(self):
        """Odd marks, padding, remainders, small numbers and strings decode; see ``wire.xdr``."""
        for text, odd, canonical in (
                ('name:string', b'\0\0\0\1a\0\0\1', b'\0\0\0\1a\0\0\0'),
                ('data:opaque[9]', b'\0\0\0\1a\1\2\3', b'\0\0\0\1a\0\0\0'),
                ('name:string?', b'\0\0\0\2\0\0\0\0', b'\0\0\0\1\0\0\0\0'),
                ('name:string?', b'\1\0\0\0\0\0\0\0', b'\0\0\0\1\0\0\0\0'),
                ('flags:uint', bytes(5), bytes(4)),
                ('flags:uint', bytes(400), bytes(4)),
                ('', b'x', b''),
                ('state:uchar', b'\0\0\1\7', b'\0\0\0\7'),
                ('state:uchar', b'\xff\xff\xff\xff', b'\0\0\0\xff'),
                ('type:char', b'\0\0\0\xff', b'\xff\xff\xff\xff'),
                ('type:char', b'\0\0\1\x7f', b'\0\0\0\x7f'),
                ('vcpus:ushort', b'\0\1\0\2', b'\0\0\0\2'),
                ('label:chars[9]', b'\0\0\0\1\0\0\1o', b'\0\0\0\2\0\0\0o\0\0\0\0'),
                ('name:string', b'\0\0\0\3a\0b\0', b'\0\0\0\1a\0\0\0'),
                ('name:string', b'\0\0\0\1\0\0\0\0', b'\0\0\0\0')):
            shape = codec(text)
            self.expectThat(shape.encode(shape.decode(odd)), Equals(canonical), f'{text} {odd!r}')

    def test_what_libvirtd_refuses(self):
        """Messages that are too short, counts beyond limits and unknown types are refused."""
        for text, odd in (('name:string', b'\0\0\0\7abc'), ('name:string', b'\0\0\0\1a\0\0'),
                          ('name:string?', b'\0\0\0\2'), ('name:string?', b'\0\0\1'),
                          ('data:opaque[1]', b'\0\0\0\2ab\0\0'), ('uuid:uuid', bytes(15)),
                          ('name:string', b'\0\x40\0\1' + bytes(xdr.STRING_MAX + 4)),
                          ('l:int[2]', b'\0\0\0\3' + bytes(12)),
                          ('l:int[2]', b'\0\0\0\2' + bytes(7)),
                          ('label:chars[1]', b'\0\0\0\2' + bytes(8)), ('state:uchar', b'\0\0\1'),
                          ('p:typed_param', bytes(12)),
                          ('p:typed_param', b'\0\0\0\0\0\0\0\x08' + bytes(8))):
            self.expectThat(lambda text=text, odd=odd: codec(text).decode(odd),
                            raises(xdr.XDRError), f'{text} {odd[:20]!r}')
