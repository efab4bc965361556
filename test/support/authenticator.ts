import { CreateVirtualMFADeviceCommand, EnableMFADeviceCommand } from '@aws-sdk/client-iam';

import type { Keys, TestApp } from './app.js';
import { fromBase32, totp } from './totp.js';

/** An authenticator that somebody holds, with a device enabled or not. */
export class Authenticator {
  constructor(
    readonly app: TestApp,
    readonly serial: string,
    readonly seed: Buffer,
    /** How far its clock is ahead, in seconds. */
    public ahead = 0,
  ) {}

  /** Has a device made, without enabling it. */
  static async created(app: TestApp, keys: Keys, name: string, path?: string): Promise<Authenticator> {
    const { VirtualMFADevice: made } = await app.iam(keys).send(new CreateVirtualMFADeviceCommand({ VirtualMFADeviceName: name, Path: path }));
    return new Authenticator(app, made?.SerialNumber ?? '', fromBase32(Buffer.from(made?.Base32StringSeed ?? []).toString('ascii')));
  }

  /** Has a device made and enabled for a user. Both codes are spent, and so is the present one. */
  static async enabled(app: TestApp, keys: Keys, userName: string, name = userName): Promise<Authenticator> {
    const device = await Authenticator.created(app, keys, name);
    await device.enable(keys, userName);
    return device;
  }

  /** The code it shows now, or so many steps from now. */
  code(steps = 0): string {
    return totp(this.seed, this.app.clock.now(), this.ahead + 30 * steps);
  }

  /** A code that it does not show anywhere near now. */
  wrong(salt = 0): string {
    const near = new Set(Array.from({ length: 61 }, (_, index) => this.code(index - 30)));
    for (let number = 100_000 + salt; ; number += 1) if (!near.has(String(number))) return String(number);
  }

  /** Waits until it shows a code that was not shown before. */
  next(): string {
    this.app.clock.advance(30);
    return this.code();
  }

  async enable(keys: Keys, userName: string, codes: readonly [string, string] = [this.code(-1), this.code()]): Promise<void> {
    await this.app.iam(keys).send(new EnableMFADeviceCommand({ UserName: userName, SerialNumber: this.serial, AuthenticationCode1: codes[0], AuthenticationCode2: codes[1] }));
  }

  /** What is given with a request. */
  given(code = this.code()): { SerialNumber: string; TokenCode: string } {
    return { SerialNumber: this.serial, TokenCode: code };
  }
}
