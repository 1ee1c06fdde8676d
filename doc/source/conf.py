"""Sphinx's configuration."""

from __future__ import annotations

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / '_ext'))

project = 'vpmem_harness'
copyright = 'the vpmem_harness contributors'

extensions = [
    'command_help',
    'openstackdocstheme',
    'oslo_config.sphinxconfiggen',
    'oslo_config.sphinxext',
    'reno.sphinxext',
    'sphinx.ext.autodoc',
    'sphinx.ext.viewcode',
]

html_theme = 'openstackdocs'
openstackdocs_auto_name = False
openstackdocs_auto_version = False
openstackdocs_pdf_link = False
# The project is not one of OpenStack's own: no bug tracker or repository of theirs is linked.
openstackdocs_use_storyboard = False
html_theme_options = {'display_badge': False, 'display_toc': True}

master_doc = 'index'
pygments_style = 'native'
autodoc_typehints = 'description'
autodoc_member_order = 'bysource'
add_module_names = False
nitpicky = False

# The sample configuration file, made from the options.
config_generator_config_file = [('config-generator.conf', '_static/vpmem_harness')]
html_static_path = ['_static']
