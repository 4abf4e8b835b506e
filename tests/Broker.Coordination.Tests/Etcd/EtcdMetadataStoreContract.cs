using Broker.Coordination.Tests.Contract;

namespace Broker.Coordination.Tests.Etcd;

[Collection(nameof(OneMember))]
public sealed class EtcdMetadataStoreContract(OneMember etcd) : MetadataStoreContract
{
    // The marks of transactions take some.
    protected override bool HasRevisionsOfItsOwn => false;

    protected override async Task<IMetadataStore> OpenAsync() => (await etcd.StartedAsync()).Open();
}
