/**
 * A jest environment that skips the rest of a file once one of its tests has failed. A mutant is killed by
 * its first failing test; reporting the other thousand vectors of the file would only take time.
 */
const { TestEnvironment } = require('jest-environment-node')

module.exports = class FirstFailureEnvironment extends TestEnvironment {
  failed = false

  handleTestEvent(event) {
    if (event.name === 'test_done' && event.test.errors.length > 0) this.failed = true
    if (event.name === 'test_start' && this.failed) event.test.mode = 'skip'
  }
}
