using System.Text;

namespace Broker.Coordination;

/// <summary>Whether what a caller hands over is within <see cref="MetadataLimits"/>. Every store asks this first, so that none takes what another one refuses.</summary>
internal static class MetadataChecks
{
    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Fails with a sentence that says what is wrong with a transaction.</summary>
    /// <exception cref="ArgumentException">It is not a valid one.</exception>
    public static void CheckTransaction(MetadataTransaction transaction)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        ArgumentNullException.ThrowIfNull(transaction.Conditions, nameof(transaction));
        ArgumentNullException.ThrowIfNull(transaction.Operations, nameof(transaction));
        CheckCount(transaction.Conditions.Count, "conditions");
        CheckCount(transaction.Operations.Count, "operations");
        var bytes = 0L;
        foreach (var condition in transaction.Conditions)
        {
            bytes += CheckKey(condition.Key);
            if (condition.ModRevision < 0)
            {
                throw new ArgumentException($"the condition for key '{condition.Key}' has revision {condition.ModRevision}; it must be 0 (absent) or more");
            }
        }

        var keys = transaction.Operations.Count > 1 ? new HashSet<string>(StringComparer.Ordinal) : null;
        foreach (var operation in transaction.Operations)
        {
            bytes += CheckKey(operation.Key) + CheckValue(operation);
            if (keys?.Add(operation.Key) == false)
            {
                throw new ArgumentException($"key '{operation.Key}' occurs twice among the operations");
            }
        }

        if (bytes > MetadataLimits.MaxTransactionBytes)
        {
            throw new ArgumentException($"the keys and values of the transaction have {bytes} bytes; at most {MetadataLimits.MaxTransactionBytes} are possible");
        }
    }

    /// <summary>Fails if a prefix is not a text.</summary>
    /// <exception cref="ArgumentException">It has half a surrogate pair.</exception>
    public static void CheckPrefix(string prefix)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        _ = CountBytes(prefix);
    }

    /// <summary>Fails if a lease is to last too short.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is less than a second.</exception>
    public static void CheckTimeToLive(TimeSpan timeToLive) => ArgumentOutOfRangeException.ThrowIfLessThan(timeToLive, TimeSpan.FromSeconds(1));

    private static void CheckCount(int count, string what)
    {
        if (count > MetadataLimits.MaxOperations)
        {
            throw new ArgumentException($"the transaction has {count} {what}; at most {MetadataLimits.MaxOperations} are possible");
        }
    }

    private static int CheckKey(string key)
    {
        if (string.IsNullOrEmpty(key))
        {
            throw new ArgumentException("a key is empty; it must have at least 1 byte");
        }

        var bytes = CountBytes(key);
        return bytes <= MetadataLimits.MaxKeyBytes
            ? bytes
            : throw new ArgumentException($"key '{key[..32]}...' has {bytes} bytes of UTF-8; at most {MetadataLimits.MaxKeyBytes} are possible");
    }

    private static int CheckValue(MetadataOperation operation)
    {
        var bytes = operation.Value?.Length ?? 0;
        return bytes <= MetadataLimits.MaxValueBytes
            ? bytes
            : throw new ArgumentException($"the value for key '{operation.Key}' has {bytes} bytes; at most {MetadataLimits.MaxValueBytes} are possible");
    }

    private static int CountBytes(string text)
    {
        try
        {
            return s_strict.GetByteCount(text);
        }
        catch (EncoderFallbackException e)
        {
            throw new ArgumentException($"a key or prefix is not a text: it has half of a surrogate pair at index {e.Index}", e);
        }
    }
}
