namespace Broker.Storage.Records;

/// <summary>
/// What the checksums of a store's record headers begin with: CRC-32C of the store's number (docs/storage.md, "Record"). Publishers choose the bytes of messages, and behind a damaged
/// header records are searched for among those bytes; what they cannot choose is a checksum that is right in a store whose number they do not know.
/// </summary>
public readonly record struct StoreKey
{
    private readonly uint _checksum;

    private StoreKey(uint checksum) => _checksum = checksum;

    /// <summary>The key of a store.</summary>
    /// <param name="store">Its number.</param>
    public static StoreKey Of(Guid store)
    {
        Span<byte> bytes = stackalloc byte[16];
        store.TryWriteBytes(bytes); // as in the header of a file
        return new StoreKey(Crc32C.Compute(bytes));
    }

    /// <summary>The checksum of what follows the store's number.</summary>
    internal uint Checksum(ReadOnlySpan<byte> bytes) => Crc32C.Compute(bytes, _checksum);
}
