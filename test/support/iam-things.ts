/** A refusal: its code and text. */
export interface Refused {
  readonly code: string;
  readonly message: string;
}

export interface Tag {
  readonly Key: string;
  readonly Value: string;
}
export interface Tagged {
  tags: readonly Tag[];
}
/** Who has policies. */
export interface Owner {
  readonly kind: Kind;
  readonly id: string;
  name: string;
  path: string;
  readonly inline: Map<string, string>;
  readonly attached: Set<string>;
}
export interface User extends Owner, Tagged {
  boundary: string | undefined;
  /** Status by access key id. */
  readonly keys: Map<string, string>;
  /** Whether the password must be changed; undefined where there is none. */
  mustReset: boolean | undefined;
  /** Passwords from the present one back. */
  passwords: readonly string[];
}
/** An MFA device; whom it is enabled for. */
export interface Device extends Tagged {
  readonly serial: string;
  readonly seed: string;
  holder: User | undefined;
}
/** A password policy, as it is shown. */
export type Rules = Readonly<Record<string, boolean | number>>;
export interface Role extends Owner, Tagged {
  boundary: string | undefined;
  /** The unique id of the user who is trusted; nobody but a service where there is none. */
  trusted: string | undefined;
  description: string | undefined;
  seconds: number;
}
export interface Group extends Owner {
  readonly members: Set<User>;
}
export interface Profile extends Tagged {
  readonly id: string;
  readonly name: string;
  readonly path: string;
  role: Role | undefined;
}
export interface Policy extends Tagged {
  readonly id: string;
  readonly name: string;
  readonly path: string;
  readonly description: string | undefined;
  /** Documents by number. */
  readonly versions: Map<number, string>;
  current: number;
  latest: number;
}
export interface Provider extends Tagged {
  clients: readonly string[];
  thumbprints: readonly string[];
}

export type Kind = 'user' | 'role' | 'group';
