import { CreateOpenIDConnectProviderCommand } from '@aws-sdk/client-iam';
import { AssumeRoleWithWebIdentityCommand, STSClient, type AssumeRoleWithWebIdentityCommandInput, type AssumeRoleWithWebIdentityCommandOutput } from '@aws-sdk/client-sts';

import { TestApp, type Keys } from './app.js';
import type { TestIdp } from './idp.js';
import { trusts, World, type Document, type Role } from './world.js';

/** What a trust policy has to allow for a token with tags and a source identity. */
export const ACTIONS = ['sts:AssumeRoleWithWebIdentity', 'sts:TagSession', 'sts:SetSourceIdentity'];

/** A Stint, an OpenID Connect provider that its first account has registered, and a client that signs nothing. */
export class WebIdentityWorld {
  #roles = 0;

  private constructor(
    readonly app: TestApp,
    readonly idp: TestIdp,
    readonly world: World,
    readonly providerArn: string,
    // Whoever signs nothing needs no credentials, and must not be asked for any.
    readonly anonymous: STSClient,
  ) {}

  static async boot(): Promise<WebIdentityWorld> {
    const app = await TestApp.boot();
    const idp = await app.idp();
    const world = new World(app);
    const { OpenIDConnectProviderArn } = await app.iam(world.root).send(new CreateOpenIDConnectProviderCommand({ Url: idp.issuer, ClientIDList: ['stint', 'other'], ThumbprintList: [idp.thumbprint] }));
    return new WebIdentityWorld(app, idp, world, OpenIDConnectProviderArn ?? '', new STSClient({ endpoint: app.url, region: 'us-east-1', maxAttempts: 1 }));
  }

  /** A role that trusts the provider. */
  async role(condition?: Document, more: { action?: string | string[]; maxSessionDuration?: number; policy?: Document } = {}): Promise<Role> {
    this.#roles += 1;
    return this.world.role(`federated-${String(this.#roles)}`, trusts({ Federated: this.providerArn }, condition, more.action ?? ACTIONS), more);
  }

  /** A call with a good token, unless another one is given. */
  async assume(input: Partial<AssumeRoleWithWebIdentityCommandInput>): Promise<AssumeRoleWithWebIdentityCommandOutput> {
    return this.anonymous.send(new AssumeRoleWithWebIdentityCommand({ RoleArn: undefined, RoleSessionName: 'ci', WebIdentityToken: await this.idp.token(this.app.clock.now()), ...input }));
  }

  async close(): Promise<void> {
    this.anonymous.destroy();
    await this.app.close();
  }
}

/** The credentials in an answer. */
export function credentialsIn({ Credentials }: Pick<AssumeRoleWithWebIdentityCommandOutput, 'Credentials'>): Keys {
  return { accessKeyId: Credentials?.AccessKeyId ?? '', secretAccessKey: Credentials?.SecretAccessKey ?? '', sessionToken: Credentials?.SessionToken ?? '' };
}
