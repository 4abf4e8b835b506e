namespace Broker.Transport.Ngtcp2;

/// <summary>Native and pinned objects that this process holds now. A test, or an operator who suspects a leak, sees all of them return to zero when every transport is disposed.</summary>
/// <param name="Connections"><c>ngtcp2_conn</c> objects.</param>
/// <param name="TlsSessions">GnuTLS sessions.</param>
/// <param name="TlsCredentials">GnuTLS credentials with their priorities and ticket keys.</param>
/// <param name="Handles">GC handles that keep managed objects alive for native code.</param>
/// <param name="Sockets">UDP sockets, each with its event loop.</param>
/// <param name="Slabs">Stream buffers that are in use; pooled ones do not count.</param>
public readonly record struct Ngtcp2Diagnostics(long Connections, long TlsSessions, long TlsCredentials, long Handles, long Sockets, long Slabs)
{
    /// <summary>What is held at this moment.</summary>
    public static Ngtcp2Diagnostics Current => new(
        Interlocked.Read(ref LiveObjects.Connections),
        Interlocked.Read(ref LiveObjects.TlsSessions),
        Interlocked.Read(ref LiveObjects.TlsCredentials),
        Interlocked.Read(ref LiveObjects.Handles),
        Interlocked.Read(ref LiveObjects.Sockets),
        Engine.SlabPool.Outstanding);
}

/// <summary>The counters behind <see cref="Ngtcp2Diagnostics"/>.</summary>
internal static class LiveObjects
{
    public static long Connections;
    public static long TlsSessions;
    public static long TlsCredentials;
    public static long Handles;
    public static long Sockets;
}
