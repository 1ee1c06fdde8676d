"""The compute service of one host: operations, driver, resource tracker."""
