import { Injectable } from '@nestjs/common';

import { implement } from '../kernel/handler.js';
import { signInContracts } from './sign-in.contract.js';
import { SignInProofs, SignIns } from './sign-in.js';

/** Use case of the sign-in of people. */
@Injectable()
export class SignInOperations {
  constructor(
    private readonly proofs: SignInProofs,
    private readonly signIns: SignIns,
  ) {}

  readonly operations = implement(signInContracts, {
    SignIn: { prove: (input, ctx) => this.proofs.prove(input, ctx), handle: (input, ctx) => this.signIns.signIn(input, ctx) },
  });
}
