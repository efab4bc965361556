/** How root is named where an operation names a user: no user can be called that (AWS CloudTrail shows it so). */
export const ROOT_USER_NAME = 'AWS ROOT USER';
