namespace Broker.Transport;

/// <summary>Numbers for <see cref="IQuicConnection.Id"/>, unique in the process over all backends.</summary>
internal static class ConnectionId
{
    private static long s_last;

    public static long Next() => Interlocked.Increment(ref s_last);
}
