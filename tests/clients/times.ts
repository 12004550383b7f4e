/** Seconds that an access token lives, as the matrix has Auth issue them. */
export const HOUR = 3600;
/** Less than the edge's margin and more than the 90 seconds of the clients: due at the edge alone. */
export const DUE_SECONDS = 300;
export const MARGIN_SECONDS = 600;
