//! status-code: how a request went (RFC 8011 appendix B and the IANA registry).

use super::code::codes;

codes! {
    Status: u16 {
        Ok = 0x0000 "successful-ok",
        OkIgnoredOrSubstituted = 0x0001 "successful-ok-ignored-or-substituted-attributes",
        OkConflictingAttributes = 0x0002 "successful-ok-conflicting-attributes",
        OkIgnoredSubscriptions = 0x0003 "successful-ok-ignored-subscriptions",
        OkTooManyEvents = 0x0005 "successful-ok-too-many-events",
        OkEventsComplete = 0x0007 "successful-ok-events-complete",
        BadRequest = 0x0400 "client-error-bad-request",
        Forbidden = 0x0401 "client-error-forbidden",
        NotAuthenticated = 0x0402 "client-error-not-authenticated",
        NotAuthorized = 0x0403 "client-error-not-authorized",
        NotPossible = 0x0404 "client-error-not-possible",
        Timeout = 0x0405 "client-error-timeout",
        NotFound = 0x0406 "client-error-not-found",
        Gone = 0x0407 "client-error-gone",
        RequestEntityTooLarge = 0x0408 "client-error-request-entity-too-large",
        RequestValueTooLong = 0x0409 "client-error-request-value-too-long",
        DocumentFormatNotSupported = 0x040a "client-error-document-format-not-supported",
        AttributesOrValuesNotSupported = 0x040b "client-error-attributes-or-values-not-supported",
        UriSchemeNotSupported = 0x040c "client-error-uri-scheme-not-supported",
        CharsetNotSupported = 0x040d "client-error-charset-not-supported",
        ConflictingAttributes = 0x040e "client-error-conflicting-attributes",
        CompressionNotSupported = 0x040f "client-error-compression-not-supported",
        CompressionError = 0x0410 "client-error-compression-error",
        DocumentFormatError = 0x0411 "client-error-document-format-error",
        DocumentAccessError = 0x0412 "client-error-document-access-error",
        AttributesNotSettable = 0x0413 "client-error-attributes-not-settable",
        IgnoredAllSubscriptions = 0x0414 "client-error-ignored-all-subscriptions",
        TooManySubscriptions = 0x0415 "client-error-too-many-subscriptions",
        DocumentPasswordError = 0x0418 "client-error-document-password-error",
        DocumentPermissionError = 0x0419 "client-error-document-permission-error",
        DocumentSecurityError = 0x041a "client-error-document-security-error",
        DocumentUnprintableError = 0x041b "client-error-document-unprintable-error",
        AccountInfoNeeded = 0x041c "client-error-account-info-needed",
        AccountClosed = 0x041d "client-error-account-closed",
        AccountLimitReached = 0x041e "client-error-account-limit-reached",
        AccountAuthorizationFailed = 0x041f "client-error-account-authorization-failed",
        NotFetchable = 0x0420 "client-error-not-fetchable",
        InternalError = 0x0500 "server-error-internal-error",
        OperationNotSupported = 0x0501 "server-error-operation-not-supported",
        ServiceUnavailable = 0x0502 "server-error-service-unavailable",
        VersionNotSupported = 0x0503 "server-error-version-not-supported",
        DeviceError = 0x0504 "server-error-device-error",
        TemporaryError = 0x0505 "server-error-temporary-error",
        NotAcceptingJobs = 0x0506 "server-error-not-accepting-jobs",
        Busy = 0x0507 "server-error-busy",
        JobCanceled = 0x0508 "server-error-job-canceled",
        MultipleDocumentJobsNotSupported = 0x0509 "server-error-multiple-document-jobs-not-supported",
        PrinterIsDeactivated = 0x050a "server-error-printer-is-deactivated",
        TooManyJobs = 0x050b "server-error-too-many-jobs",
        TooManyDocuments = 0x050c "server-error-too-many-documents",
    }
}

/// The class that the first digit of a status says; it holds for statuses without a name here too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StatusClass {
    Successful,
    Informational,
    Redirection,
    ClientError,
    ServerError,
    /// None that RFC 8011 knows.
    Other,
}

impl Status {
    pub fn class(self) -> StatusClass {
        match self.code() >> 8 {
            0x00 => StatusClass::Successful,
            0x01 => StatusClass::Informational,
            0x03 => StatusClass::Redirection,
            0x04 => StatusClass::ClientError,
            0x05 => StatusClass::ServerError,
            _ => StatusClass::Other,
        }
    }

    pub fn is_successful(self) -> bool {
        self.class() == StatusClass::Successful
    }
}
