using Broker.Coordination.Etcd.Grpc;
using Broker.Coordination.Etcd.Proto;

namespace Broker.Coordination.Etcd;

/// <summary>Carries one transaction out, once: it is sent again only when it is certain that it has not taken place, and never will.</summary>
internal sealed class EtcdCommit(EtcdMembers members, EtcdMarks marks, EtcdTransaction transaction, CancellationToken closing)
{
    private readonly EtcdTries _tries = new(members, members.Options.Patience);

    /// <exception cref="MetadataLeaseEndedException">It names a lease that is none.</exception>
    /// <exception cref="MetadataUnavailableException">etcd does not answer, or refuses it.</exception>
    public async Task<MetadataCommit> RunAsync()
    {
        while (true)
        {
            var mark = transaction.HasRoom ? await TakeMarkAsync() : null;
            if (await TryAsync(mark) is { } commit)
            {
                return commit;
            }
        }
    }

    private async Task<EtcdMark> TakeMarkAsync()
    {
        try
        {
            return await marks.TakeAsync(closing);
        }
        catch (GrpcException e)
        {
            throw EtcdRefusals.Explain(e, nothingChanged: true);
        }
        catch (MetadataUnavailableException e)
        {
            throw new MetadataUnavailableException(e.Message, nothingChanged: true, e);
        }
    }

    /// <summary>Sends it once. A mark whose revision is known afterwards is free again; others are left behind.</summary>
    /// <returns><c>null</c>: it has not taken place, and may be sent again.</returns>
    private async Task<MetadataCommit?> TryAsync(EtcdMark? mark)
    {
        TxnResponse response;
        try
        {
            response = await _tries.OnceAsync(EtcdMethods.Txn, transaction.Request(mark), closing);
        }
        catch (GrpcException e) when (!e.WasSent)
        {
            mark?.Lease.Return(mark);
            await _tries.FailAsync(e, nothingChanged: true, closing);
            return null;
        }
        catch (GrpcException e) when (e.Status == GrpcStatus.NotFound)
        {
            await FindLeaseAsync(mark, e);
            return null;
        }
        catch (GrpcException e) when (e.IsRefusal)
        {
            mark?.Lease.Return(mark);
            throw EtcdRefusals.Explain(e, nothingChanged: true);
        }
        catch (GrpcException e)
        {
            return mark is null ? throw Unknown($"{members.AddressOf(_tries.Member)}: {e.Message}; a transaction this large leaves no mark to find it out by", e) : await FindOutAsync(mark, e);
        }

        return await ReadAsync(response, mark);
    }

    private async ValueTask<MetadataCommit?> ReadAsync(TxnResponse response, EtcdMark? mark)
    {
        var commit = transaction.Read(response);
        if (!commit.Succeeded && mark is not null && transaction.HoldsFor(commit))
        {
            // Somebody has deleted the mark: it is not as it was.
            await _tries.FailAsync(new IOException("somebody else writes below the key prefix of this store"), nothingChanged: true, closing);
            return null;
        }

        if (mark is not null)
        {
            mark.ModRevision = commit.Succeeded ? commit.Revision : mark.ModRevision;
            mark.Lease.Return(mark);
        }

        return commit;
    }

    /// <summary>No answer came. Either it has taken place, or it is made sure that it never will.</summary>
    private async Task<MetadataCommit?> FindOutAsync(EtcdMark mark, GrpcException failure)
    {
        while (true)
        {
            await _tries.FailAsync(failure, nothingChanged: false, closing);
            try
            {
                var response = await _tries.OnceAsync(EtcdMethods.Txn, mark.Fence(), closing);
                if (response.Succeeded)
                {
                    mark.ModRevision = response.Header.Revision;
                    mark.Lease.Return(mark);
                    return null;
                }

                var first = response.Responses[0].ResponseRange.Kvs.SingleOrDefault() ?? throw Unknown("somebody else writes below the key prefix of this store", failure);
                mark.ModRevision = first.ModRevision;
                mark.Lease.Return(mark);
                return EtcdMark.IsCommitted(first) ? new MetadataCommit(true, first.ModRevision, []) : null;
            }
            catch (GrpcException e) when (e.IsRefusal)
            {
                mark.Lease.HasEnded |= e.Status == GrpcStatus.NotFound;
                throw Unknown(EtcdRefusals.Explain(e, nothingChanged: false).Message, e);
            }
            catch (GrpcException e)
            {
                failure = e;
            }
        }
    }

    /// <summary>A lease is not there: one of the transaction, which is the caller's business, or else that of the mark, which gets another one.</summary>
    private async Task FindLeaseAsync(EtcdMark? mark, GrpcException failure)
    {
        foreach (var lease in transaction.Leases)
        {
            if (await HasEndedAsync(lease))
            {
                mark?.Lease.Return(mark);
                throw new MetadataLeaseEndedException($"lease {lease} has ended, or never was", lease);
            }
        }

        if (mark is not null)
        {
            mark.Lease.HasEnded = true;
        }

        await _tries.FailAsync(failure, nothingChanged: true, closing);
    }

    private async Task<bool> HasEndedAsync(long lease)
    {
        try
        {
            // Less than a second is 0 s; only a negative answer means that there is none.
            return (await members.CallAsync(EtcdMethods.LeaseTimeToLive, new LeaseTimeToLiveRequest { ID = lease }, closing)).TTL < 0;
        }
        catch (GrpcException e)
        {
            throw EtcdRefusals.Explain(e, nothingChanged: true);
        }
        catch (MetadataUnavailableException e)
        {
            throw new MetadataUnavailableException(e.Message, nothingChanged: true, e);
        }
    }

    private static MetadataUnavailableException Unknown(string reason, GrpcException cause) => new($"whether the transaction took place is unknown: {reason}", inner: cause);
}
