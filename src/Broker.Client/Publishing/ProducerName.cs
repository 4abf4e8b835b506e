using System.Security.Cryptography;

namespace Broker.Client.Publishing;

/// <summary>Names of producers, and where their numbers begin.</summary>
internal static class ProducerName
{
    /// <summary>A name that nobody else has.</summary>
    public static string MakeUp() => $"auto-{RandomNumberGenerator.GetHexString(32, lowercase: true)}";

    /// <summary>
    /// The first number of a producer with a chosen name. It must be above everything that any queue has of the producer, or the message would be taken for a
    /// repetition. The node that was asked may not know of messages that others took, so the clock has a say: microseconds, of which no producer fills each.
    /// </summary>
    public static ulong FirstSequence(ulong lastSequence, PublisherOptions options, TimeProvider time) =>
        Math.Max(lastSequence + 1, options.FirstSequence ?? (ulong)(time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond);
}
