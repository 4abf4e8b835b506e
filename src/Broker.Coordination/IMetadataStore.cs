namespace Broker.Coordination;

/// <summary>
/// What a cluster agrees on: names and values that change by transactions, each of which takes place as a whole or not at all, in one order that everybody sees. A node
/// by itself has an <see cref="Embedded.EmbeddedMetadataStore"/>; the nodes of a cluster share one.
/// </summary>
/// <remarks>
/// <para>Every transaction that changes something gets a revision greater than all before it; numbers may be left out, but never come again. To write a value is a change even if
/// it is the same; to delete a key that is absent is none. A value's <see cref="MetadataValue.ModRevision"/> is that of the transaction which wrote it last, and it is what a
/// compare-and-swap compares.</para>
/// <para>Thread-safe. Keys are texts of 1 to <see cref="MetadataLimits.MaxKeyBytes"/> bytes of UTF-8, ordered by their bytes; values have at most
/// <see cref="MetadataLimits.MaxValueBytes"/> bytes.</para>
/// <para>Once disposed of, it answers everything with <see cref="MetadataUnavailableException"/>, and its watches and leases end as if it had failed.</para>
/// </remarks>
public interface IMetadataStore : IAsyncDisposable
{
    /// <summary>
    /// All values whose key begins with a prefix, as they are at one revision that is not older than anything answered before this call. What a crash could still undo is not among
    /// them.
    /// </summary>
    /// <param name="prefix">The empty text is everything.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <exception cref="ArgumentException">The prefix is not a text of UTF-8.</exception>
    /// <exception cref="MetadataUnavailableException">The store does not answer.</exception>
    Task<MetadataSnapshot> ReadAsync(string prefix, CancellationToken cancellationToken = default);

    /// <summary>Carries a transaction out if all its conditions hold. When the task completes with success, the change outlives every crash.</summary>
    /// <param name="transaction">What to do. It is the caller's again, with all its bytes, when the task completes.</param>
    /// <param name="cancellationToken">Gives up waiting; the transaction may take place nevertheless.</param>
    /// <exception cref="ArgumentException">The transaction is not a valid one: it names a key twice, or a limit is exceeded.</exception>
    /// <exception cref="MetadataLeaseEndedException">Its conditions hold, and a value was to go with a lease that has ended or never was. Nothing has changed.</exception>
    /// <exception cref="MetadataUnavailableException">The store does not answer, or has failed. Whether the transaction took place is unknown unless
    /// <see cref="MetadataUnavailableException.NothingChanged"/> says so.</exception>
    Task<MetadataCommit> CommitAsync(MetadataTransaction transaction, CancellationToken cancellationToken = default);

    /// <summary>
    /// The changes to keys with a prefix in order of their revisions: first those after a revision, then those to come, until cancelled. One element has all that one transaction has
    /// changed below the prefix.
    /// </summary>
    /// <param name="prefix">The empty text is everything.</param>
    /// <param name="afterRevision">The last revision that the caller knows, such as that of a <see cref="MetadataSnapshot"/>; 0 for all.</param>
    /// <param name="cancellationToken">Ends the watch with <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="ArgumentException">The prefix is not a text of UTF-8, or the revision is negative.</exception>
    /// <exception cref="MetadataCompactedException">Changes so far back are no longer known: read again and watch from there. A watch that is read too slowly ends so, too.</exception>
    /// <exception cref="MetadataUnavailableException">The store has failed; changes may have been missed. Read again.</exception>
    IAsyncEnumerable<MetadataChange> WatchAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default);

    /// <summary>
    /// Begins a lease: keys that are put under it are deleted, all by one transaction, when it ends, which is when it is revoked, or not renewed in time, or when its owner's process
    /// is gone. A key that is put again goes with the lease of that put, or with none.
    /// </summary>
    /// <param name="timeToLive">How long it lasts without renewal; at least 1 s. Renewal is the implementation's business.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <exception cref="ArgumentOutOfRangeException">The time is too short.</exception>
    /// <exception cref="MetadataUnavailableException">The store does not answer.</exception>
    Task<IMetadataLease> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default);
}

/// <summary>A lease that this process holds. Disposing it revokes it: when that completes, its keys are gone, unless the store does not answer, in which case they go with the lease.</summary>
/// <remarks>A store that many share may end a lease before its time, and <see cref="Lost"/> comes later than that. To know, watch a key that was put under the lease.</remarks>
public interface IMetadataLease : IAsyncDisposable
{
    /// <summary>Its number, unique in the store.</summary>
    long Id { get; }

    /// <summary>Cancelled as soon as the lease can no longer be relied on: it was revoked, or could not be renewed in time by the local clock.</summary>
    CancellationToken Lost { get; }
}

/// <summary>Bounds of keys, values and transactions; they are within those that etcd has by default.</summary>
public static class MetadataLimits
{
    /// <summary>Bytes of a key in UTF-8.</summary>
    public const int MaxKeyBytes = 1024;

    /// <summary>Bytes of a value.</summary>
    public const int MaxValueBytes = 1 << 20;

    /// <summary>Conditions of a transaction, and operations of a transaction, each.</summary>
    public const int MaxOperations = 128;

    /// <summary>Bytes of all keys and values of a transaction together, those of its conditions included: 1.25 MiB. etcd takes requests of 1.5 MiB.</summary>
    public const int MaxTransactionBytes = 5 << 18;
}
