namespace Broker.Transport;

/// <summary>Application error codes are QUIC varints (RFC 9000, section 16).</summary>
internal static class ApplicationErrorCode
{
    /// <exception cref="ArgumentOutOfRangeException">The code is negative or takes more than 62 bits.</exception>
    public static void Check(long errorCode)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(errorCode);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(errorCode, 1L << 62);
    }
}
