"""The headings of the release notes."""

from __future__ import annotations

import importlib.metadata

import testtools

from tools.release_notes import Notes

VERSION = importlib.metadata.version('vpmem-harness')


class Found(dict):
    """What reno finds: notes by version, newest first."""

    @property
    def versions(self):
        return list(self)


class NotesTest(testtools.TestCase):

    def test_before_the_first_tag(self):
        """Notes without any tag have the version of the package, which is not released."""
        notes = Notes(Found({'0.0.0': [('a.yaml', 'commit')]}))
        self.assertEqual([f'{VERSION} (not released yet)'], notes.versions)

    def test_after_a_tag_of_another_version(self):
        """Notes after a tag come first, and the tagged ones keep their version."""
        notes = Notes(Found({'0.0.1-5': [('b.yaml', 'commit')], '0.0.1': [('a.yaml', 'commit')]}))
        self.assertEqual([f'{VERSION} (not released yet)', '0.0.1'], notes.versions)
        self.assertEqual([('a.yaml', 'commit')], notes['0.0.1'])

    def test_after_the_tag_of_this_version(self):
        """Once the package's version is tagged, later notes belong to none."""
        notes = Notes(Found({f'{VERSION}-5': [('b.yaml', 'commit')], VERSION: []}))
        self.assertEqual(['Unreleased', VERSION], notes.versions)

    def test_notes_that_are_not_committed(self):
        """They are under one heading with the committed notes that no tag covers."""
        notes = Notes(Found({'*working-copy*': [('b.yaml', None)],
                             '0.0.0': [('a.yaml', 'commit')]}))
        self.assertEqual([('b.yaml', None), ('a.yaml', 'commit')], notes[notes.versions[0]])

    def test_without_notes(self):
        """Where all notes are released, there is no heading for others."""
        self.assertEqual([VERSION], Notes(Found({VERSION: []})).versions)
