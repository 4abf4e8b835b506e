using Broker.Coordination.Embedded;
using Broker.Coordination.Tests.Contract;
using Broker.Storage.Disks;

namespace Broker.Coordination.Tests.Embedded;

public sealed class EmbeddedMetadataStoreContract : MetadataStoreContract
{
    protected override int? HistoryChanges => 1000;

    protected override Task<IMetadataStore> OpenAsync() => Task.FromResult<IMetadataStore>(
        EmbeddedMetadataStore.Open(new MemoryDisk(), "metadata", Guid.NewGuid(), new EmbeddedMetadataOptions { HistoryChanges = 1000 }));
}
